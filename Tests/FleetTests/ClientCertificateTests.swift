import Core
import Glibc
import TestSupport
import Testing

@testable import Fleet

/// A host's own certificate and its key, made by openssl.
@Suite struct ClientCertificateTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func issue(_ name: String, days: Int = 2, _ names: String = "") throws {
    try PrivateCertificate.make(name, days: days, names: names, in: directory)
  }

  private func read(_ name: String, key: String? = nil) -> Result<ClientCertificate, ClientCertificate.Unusable> {
    ClientCertificate.read(directory.path("\(name).crt"), key: directory.path("\(key ?? name).key"))
  }

  private func flaw(_ name: String, key: String? = nil) -> ClientCertificate.Flaw? {
    if case .failure(let unusable) = read(name, key: key) { unusable.flaw } else { nil }
  }

  @Test func `a certificate's subject, name and validity are read from its file`() throws {
    try issue("good", "URI:spiffe://prod.example/web/1,DNS:WEB1.prod.example")
    try issue("expired", days: -1)
    let good = try read("good").get()
    let expired = try read("expired").get()
    #expect(good.subject == "CN=good" && good.name == "web1.prod.example" && expired.name == "expired")
    // Two days, and minus one.
    let span = good.notAfter.seconds - expired.notAfter.seconds
    #expect(abs(span - 3 * 86400) < 60, "\(good.notAfter) \(expired.notAfter)")
    let validity = good.notAfter.seconds - good.notBefore.seconds
    #expect(abs(validity - 2 * 86400) <= 1)
    let last = UTCTime(seconds: good.notAfter.seconds - validity / 5)
    #expect(good.isRenewalDue(at: last) && good.isRenewalDue(at: UTCTime(seconds: good.notAfter.seconds + 1)))
    #expect(!good.isRenewalDue(at: UTCTime(seconds: last.seconds - 1)))
  }

  @Test func `what holds no certificate has none, and blocks nothing`() throws {
    try issue("good")
    try directory.write("no certificate\n", to: "text")
    mkfifo(directory.path("fifo"), 0o600)
    for path in ["good.key", "text", "absent", "fifo"].map({ directory.path($0) }) + ["/dev/zero"] {
      #expect(ClientCertificate(file: path) == nil, "\(path)")
    }
  }

  @Test func `a key is that of its certificate and of no other`() throws {
    try issue("one")
    try issue("two")
    #expect(flaw("one") == nil && flaw("two") == nil)
    #expect(flaw("one", key: "two") == .otherKey)
    guard case .failure(let unusable) = read("one", key: "two") else { return }
    #expect(
      unusable.problem
        == "the key in '\(directory.path("two.key"))' isn't that of the certificate in '\(directory.path("one.crt"))'")
  }

  /// OpenSSL would ask for the password on the terminal.
  @Test func `a key that is encrypted, missing or none is found to be so`() throws {
    try issue("one")
    try PrivateCertificate.run("openssl pkey -in one.key -aes256 -passout pass:x -out encrypted.key", in: directory)
    try directory.write("no key\n", to: "text.key")
    #expect(flaw("one", key: "encrypted") == .encryptedKey && flaw("one", key: "text") == .noKey)
    #expect(flaw("one", key: "absent") == .missing(path: directory.path("absent.key")))
    #expect(flaw("absent", key: "one") == .missing(path: directory.path("absent.crt")))
    rename(directory.path("text.key"), directory.path("text.crt"))
    #expect(flaw("text", key: "one") == .noCertificate)
  }
}
