import Glibc
import TestSupport
import Testing

@testable import Emulator

/// The server behind a credentials URI.
@Suite struct CredentialsURITests {
  private static let settings = """

    [credentials_uri]
    role = "acs:ram::1234567890123456:role/uploader"
    path = "/of/mine"
    lifetime = "1h"
    renew_before = "10min"
    """

  private static var model: AccountModel { get throws { try AccountModel(toml: TestCloud.configuration + settings) } }

  private func cloud() throws -> TestCloud {
    let model = try Self.model
    return try TestCloud { $0 = model }
  }

  @Test func `its document is what the consumers of a credentials URI want`() throws {
    var cloud = try cloud()
    let answer = cloud.ask(.credentialsURI, "GET", "/of/mine?x=1")
    #expect(answer.status == 200 && answer.code == "Success")
    #expect(answer.body?.text("Expiration") == "2026-01-02T04:00:00Z")
    let key = try #require(answer.documentKey)
    #expect(cloud.send("CreateUploadVideo", ["Title": "t", "FileName": "a.mp4"], as: key).status == 200)
    #expect(cloud.ask(.credentialsURI, "GET", "/of/mine").documentKey?.id == key.id)
    cloud.service.renewSession(of: .credentialsURI)
    #expect(cloud.ask(.credentialsURI, "GET", "/of/mine").documentKey?.id != key.id)
    #expect(cloud.ask(.credentialsURI, "GET", "/").status == 404)
    #expect(cloud.ask(.credentialsURI, "POST", "/of/mine").status == 404)
    var none = try TestCloud()
    #expect(none.ask(.credentialsURI, "GET", "/credentials").status == 404)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let fault: Fault.Kind
    var status = 200
    /// The answer's Code; nil for a body that can't be read.
    let code: String?
  }

  @Test(arguments: [
    Case(
      testDescription: "an error", fault: .error(.unavailable, retryAfterMilliseconds: nil), status: 503,
      code: "ServiceUnavailable"),
    Case(testDescription: "another Code", fault: .fields(["Code"], value: "Failed"), code: "Failed"),
    Case(testDescription: "no Code", fault: .fields(["Code"], value: nil), code: ""),
    Case(testDescription: "garbage", fault: .garbage(.bytes), code: nil),
    Case(testDescription: "half a document", fault: .garbage(.half), code: nil),
    Case(testDescription: "a proxy's page", fault: .html(status: 200), code: nil),
  ])
  func `a fault spoils one document`(_ row: Case) throws {
    var cloud = try cloud()
    cloud.service.faults.add(Fault(row.fault, count: 1, service: .uri))
    let answer = cloud.ask(.credentialsURI, "GET", "/of/mine")
    #expect(answer.status == row.status && answer.body?.text("Code") == row.code)
    #expect(cloud.ask(.credentialsURI, "GET", "/of/mine").code == "Success")
  }

  private func emulator(in directory: TemporaryDirectory) throws -> STSEmulator {
    var options = STSEmulator.Options()
    options.credentialsURI = (address: "127.0.0.1", port: 0)
    options.credentialsSocket = directory.path("uri.sock")
    return try STSEmulator(Self.model, options: options)
  }

  @Test func `over TLS only a client with a certificate of the same authority is served`() throws {
    let directory = try TemporaryDirectory()
    let emulator = try emulator(in: directory)
    let other = try STSEmulator(AccountModel())
    let authority = try directory.write(emulator.authorityPEM, to: "ca.pem")
    let port = try #require(emulator.credentialsURIPort)
    func ask(_ identity: ServerIdentity?) throws -> String {
      let file = try identity.map { try directory.write($0.certificate + $0.key, to: "client.pem") }
      // An unmodified client, with another TLS library.
      let script = """
        import http.client, ssl, sys
        context = ssl.create_default_context(cafile=sys.argv[1])
        if len(sys.argv) > 3: context.load_cert_chain(sys.argv[3])
        try:
          connection = http.client.HTTPSConnection("127.0.0.1", int(sys.argv[2]), context=context)
          connection.request("GET", "/of/mine")
          print(connection.getresponse().read().decode())
        except (ssl.SSLError, OSError) as error:
          print("refused")
        """
      let words = ["/usr/bin/env", "python3", "-c", script, authority, String(port)] + [file].compactMap(\.self)
      return try ChildProcess.run(words).output
    }
    #expect(try ask(emulator.clientIdentity).contains(#""Code":"Success""#))
    #expect(try ask(nil) == "refused\n")
    #expect(try ask(other.clientIdentity) == "refused\n")
    #expect(emulator.callCounts.count(action: "GetCredentials") == 1)
  }

  @Test func `on a Unix socket the same document comes in plain HTTP`() throws {
    let directory = try TemporaryDirectory()
    let emulator = try emulator(in: directory)
    var status = stat()
    #expect(stat(directory.path("uri.sock"), &status) == 0 && status.st_mode & 0o777 == 0o600)
    for _ in 0..<2 {
      let connection = try StreamConnection(unix: directory.path("uri.sock"))
      try connection.send("GET /of/mine HTTP/1.1\r\nHost: localhost\r\n\r\n")
      let reply = try connection.readReply()
      #expect(reply.status == 200 && reply.body.contains(#""Code":"Success""#))
    }
    #expect(emulator.callCounts.count(action: "GetCredentials", role: "uploader", result: "OK") == 2)
    emulator.add(Fault(.unreachable, service: .uri))
    let connection = try StreamConnection(unix: directory.path("uri.sock"))
    #expect(throws: StreamError.self) {
      try connection.send("GET /of/mine HTTP/1.1\r\nHost: localhost\r\n\r\n")
      _ = try connection.readReply()
    }
    emulator.stop()
    _ = try self.emulator(in: directory)
  }

  @Test func `a socket's path that is too long is an error that names it`() throws {
    var options = STSEmulator.Options()
    options.credentialsSocket = "/tmp/" + String(repeating: "a", count: 103)
    let error = try #require(throws: ListenError.self) { try STSEmulator(AccountModel(), options: options) }
    #expect(error.description.hasSuffix("a socket's path has at most 107 bytes"))
  }
}
