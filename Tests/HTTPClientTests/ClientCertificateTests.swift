import HTTPClient
import TestSupport
import Testing

/// A client certificate that is renewed.
@Suite struct ClientCertificateTests {
  private let server: TLSServer
  private let bench: Bench

  init() throws {
    server = try TLSServer.shared.get()
    bench = try Bench(.testing(caFile: server.caFile))
    try present("client-one")
  }

  private func present(_ name: String) throws {
    let files = try ["crt", "key"].map { try #require(FileText.read(server.directory.path("\(name).\($0)"))) }
    bench.client.identity = ClientIdentity(certificates: secret(files[0]), key: secret(files[1]))
  }

  private func ask(fresh needsFreshConnection: Bool, at port: String) throws -> String {
    var request = HTTPRequest(.get, server.url("/whose", at: port))
    request.needsFreshConnection = needsFreshConnection
    return try bench.send(request).body
  }

  /// Neither a kept connection nor a resumed session may stand in for it: both are those of the certificate before.
  @Test(arguments: ["client", "client-ticketless"], [true, false])
  func `each request presents the certificate that the client has by then`(port: String, fresh: Bool) throws {
    #expect(try ask(fresh: fresh, at: port) == "client-one")
    try present("client-two")
    #expect(try ask(fresh: fresh, at: port) == "client-two")
    try present("client-one")
    #expect(try ask(fresh: fresh, at: port) == "client-one")
  }

  @Test func `a certificate with the key of another one identifies nobody`() throws {
    let certificate = try #require(FileText.read(server.directory.path("client-one.crt")))
    let key = try #require(FileText.read(server.directory.path("client-two.key")))
    #expect(ClientIdentity(certificates: secret(certificate), key: secret(key)) == nil)
  }
}
