import CCrypto
package import Core
import Glibc

/// The certificate by which a client identifies itself, as it lies in its file.
package struct ClientCertificate: Hashable, Sendable {
  /// What is wrong with a certificate or its key.
  package enum Flaw: Hashable, Sendable {
    /// This process may not read one of the files; the path is that one's.
    case denied(path: String)
    case missing(path: String)
    case noCertificate
    case noKey
    case encryptedKey
    /// The key is that of another certificate.
    case otherKey
  }

  /// As in RFC 2253, such as `CN=web7.example,O=Example`; printable ASCII, at most 255 characters.
  package let subject: String
  /// What a tier calls the host with this certificate; its subject if it names none.
  package let name: String
  /// The beginning and the end of its validity.
  package let notBefore: UTCTime
  package let notAfter: UTCTime
  private let der: [UInt8]

  /// Nil if the file can't be read, or holds no certificate in PEM form. May block, as reading any file.
  package init?(file: String) { self.init { ccrypto_certificate_file(file, $0, $1) } }

  /// Nil if the content of a file holds no certificate in PEM form.
  package init?(text: Span<UInt8>) {
    self.init { der, room in text.withUnsafeBytes { ccrypto_certificate_text($0.baseAddress, $0.count, der, room) } }
  }

  /// `read` puts the certificate into so much room, and returns its size.
  private init?(reading read: (_ der: UnsafeMutablePointer<UInt8>, _ room: Int) -> Int) {
    der = withUnsafeTemporaryAllocation(of: UInt8.self, capacity: Certificate.mostBytes) { room in
      Array(room.prefix(read(room.baseAddress!, room.count)))
    }
    guard !der.isEmpty else { return nil }
    var (start, end): (Int64, Int64) = (0, 0)
    let subject = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 256) { [der] text -> String? in
      let failed = ccrypto_certificate_validity(der, der.count, text.baseAddress!, text.count, &start, &end)
      return failed == 0 ? String(cString: text.baseAddress!) : nil
    }
    guard let subject else { return nil }
    // Not ASCII is escaped in that form already.
    let printable = String(decoding: subject.utf8.lazy.filter { (0x20...0x7E).contains($0) }, as: UTF8.self)
    self.subject = printable
    let names = der.withUnsafeBufferPointer { try? Certificate.names(in: $0) }
    name = names?.name ?? printable
    (notBefore, notAfter) = (UTCTime(seconds: start), UTCTime(seconds: end))
  }

  /// Whether it should have been renewed: in the last fifth of its validity, and after that.
  package func isRenewalDue(at now: UTCTime) -> Bool {
    now.seconds >= notAfter.seconds - (notAfter.seconds - notBefore.seconds) / 5
  }

  /// What is wrong with the key in a file; nil if it is that of this certificate.
  package func flaw(ofKey file: String) -> Flaw? {
    switch ccrypto_key_state(der, der.count, file) {
    case CCRYPTO_KEY_FITS: nil
    case CCRYPTO_KEY_OTHER: .otherKey
    case CCRYPTO_KEY_ENCRYPTED: .encryptedKey
    default: Self.unreadable(file) ?? .noKey
    }
  }

  /// The certificate in a file, if the key in another file is its key.
  package static func read(_ file: String, key: String) -> Result<ClientCertificate, Unusable> {
    guard let certificate = ClientCertificate(file: file) else {
      return .failure(Unusable(unreadable(file) ?? .noCertificate, certificate: file, key: key))
    }
    guard let flaw = certificate.flaw(ofKey: key) else { return .success(certificate) }
    return .failure(Unusable(flaw, certificate: file, key: key))
  }

  /// Nil for a file that is there and may be read.
  private static func unreadable(_ path: String) -> Flaw? {
    if faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) == 0 { return nil }
    return errno == EACCES ? .denied(path: path) : .missing(path: path)
  }
}

extension ClientCertificate {
  /// A certificate that identifies nobody, and why.
  package struct Unusable: Error, Hashable, Sendable {
    package let flaw: Flaw
    /// A clause that names the files.
    package let problem: String
    package let remedy: String

    init(_ flaw: Flaw, certificate: String, key: String) {
      self.flaw = flaw
      let words = Self.words(for: flaw, certificate, key)
      (problem, remedy) = (words.problem, words.remedy)
    }

    private static func words(
      for flaw: Flaw, _ certificate: String, _ key: String
    ) -> (problem: String, remedy: String) {
      switch flaw {
      case .denied(let path): ("'\(path)' may not be read", "let the daemon's user read it, and nobody else the key")
      case .missing(let path): ("'\(path)' isn't there", "put it there; the daemon takes it up by itself")
      case .noCertificate: ("'\(certificate)' holds no certificate in PEM form", "put the certificate there")
      case .noKey: ("'\(key)' holds no private key in PEM form", "put the key of '\(certificate)' there")
      case .encryptedKey:
        (
          "'\(key)' is encrypted, and nobody can be asked for its password",
          "store it without a password, with mode 0400"
        )
      case .otherKey:
        (
          "the key in '\(key)' isn't that of the certificate in '\(certificate)'",
          "put the key there that the certificate was issued for, or have a new certificate issued"
        )
      }
    }
  }
}
