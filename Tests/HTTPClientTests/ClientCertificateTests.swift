import Glibc
import HTTPClient
import TestSupport
import Testing

/// A client certificate whose files are replaced.
@Suite struct ClientCertificateTests {
  private let server: TLSServer
  private let directory: TemporaryDirectory
  private let bench: Bench

  init() throws {
    server = try TLSServer.shared.get()
    directory = try TemporaryDirectory()
    var settings = HTTPClient.Settings.testing(caFile: server.caFile)
    settings.identity = HTTPClient.ClientIdentity(
      certificateFile: directory.path("certificate"), keyFile: directory.path("key"))
    bench = try Bench(settings)
    try put("client-one")
  }

  /// By links that are replaced, so that no file is ever half written.
  private func put(_ name: String) throws {
    for (file, end) in [("certificate", "crt"), ("key", "key")] {
      try #require(symlink(server.directory.path("\(name).\(end)"), directory.path("new")) == 0)
      try #require(rename(directory.path("new"), directory.path(file)) == 0)
    }
  }

  private func ask(fresh needsFreshConnection: Bool, at port: String) throws -> String {
    var request = HTTPRequest(.get, server.url("/whose", at: port))
    request.needsFreshConnection = needsFreshConnection
    return try bench.send(request).body
  }

  /// Neither a kept connection nor a resumed session may stand in for it: both are those of the certificate before.
  @Test(arguments: ["client", "client-ticketless"])
  func `a request on a connection of its own presents the certificate that the files have by then`(port: String) throws
  {
    #expect(try ask(fresh: true, at: port) == "client-one")
    try put("client-two")
    #expect(try ask(fresh: true, at: port) == "client-two")
    try put("client-one")
    #expect(try ask(fresh: true, at: port) == "client-one")
  }

  @Test func `any other request goes on with the certificate of a kept connection`() throws {
    #expect(try ask(fresh: true, at: "client-ticketless") == "client-one")
    try put("client-two")
    #expect(try ask(fresh: false, at: "client-ticketless") == "client-one")
  }
}
