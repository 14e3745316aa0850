import Core
import TestSupport
import Testing

@testable import HTTPClient

@Suite struct CertificateReadingTests {
  @Test func `a certificate's subject and end are read from its file`() throws {
    let server = try TLSServer.shared.get()
    let good = try #require(ClientCertificate(file: server.directory.path("good.crt")))
    let expired = try #require(ClientCertificate(file: server.directory.path("expired.crt")))
    #expect(good.subject == "CN=good" && expired.subject == "CN=expired")
    // Two days, and minus one.
    let span = good.notAfter.seconds - expired.notAfter.seconds
    #expect(abs(span - 3 * 86400) < 60, "\(good.notAfter) \(expired.notAfter)")
  }

  @Test func `what holds no certificate has none, and blocks nothing`() throws {
    let server = try TLSServer.shared.get()
    let directory = try TemporaryDirectory()
    try directory.write("no certificate\n", to: "text")
    for path in [server.directory.path("good.key"), directory.path("text"), directory.path("absent"), "/dev/zero"] {
      #expect(ClientCertificate(file: path) == nil, "\(path)")
    }
  }
}
