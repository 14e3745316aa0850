import CCurl
package import Secrets

/// The certificate by which a client identifies itself, with those above it, and its key.
///
/// The key is kept as it lies in its file, in PEM form and in the memory of secrets; OpenSSL parses it for each connection, into pages that aren't
/// locked, and overwrites that when the connection ends.
package final class ClientIdentity {
  /// What is wrong with the content of a file.
  package enum Flaw: Hashable, Sendable {
    case empty
    case der
    /// A key in place of a certificate, or the other way round.
    case mistaken
    /// A key with a passphrase.
    case encrypted
    /// Nothing of the kind in PEM form.
    case missing
    case damaged
  }

  private let certificates: Secret
  private let key: Secret

  /// Both are contents of files in PEM form, of at most 2 GiB; nil unless both are sound, and the key is that of the first certificate.
  package init?(certificates: Secret, key: Secret) {
    guard Self.arePair(certificates, key) else { return nil }
    self.certificates = certificates
    self.key = key
  }

  /// What is wrong with certificates in PEM form; nil if nothing is.
  package static func flaw(inCertificates content: Secret) -> Flaw? {
    Flaw(content.withBytes { $0.withUnsafeBytes { ccurl_judge_certificates($0.baseAddress, $0.count) } })
  }

  /// What is wrong with a private key in PEM form; nil if nothing is.
  package static func flaw(inKey content: Secret) -> Flaw? {
    Flaw(content.withBytes { $0.withUnsafeBytes { ccurl_judge_key($0.baseAddress, $0.count) } })
  }

  package func isSame(as other: ClientIdentity) -> Bool {
    certificates.hasSameBytes(as: other.certificates) && key.hasSameBytes(as: other.key)
  }

  private static func arePair(_ certificates: Secret, _ key: Secret) -> Bool {
    certificates.withBytes { certificates in
      certificates.withUnsafeBytes { certificates in
        key.withBytes { key in
          key.withUnsafeBytes { key in
            ccurl_is_pair(certificates.baseAddress, certificates.count, key.baseAddress, key.count) == 1
          }
        }
      }
    }
  }

  /// Has a connection that is being set up (SSL_CTX) present it; false without memory for it, or if it is too weak for this host's OpenSSL.
  func use(in context: UnsafeMutableRawPointer) -> Bool {
    certificates.withBytes { certificates in
      certificates.withUnsafeBytes { certificates in
        key.withBytes { key in
          key.withUnsafeBytes { key in
            ccurl_use_identity(context, certificates.baseAddress, certificates.count, key.baseAddress, key.count) == 1
          }
        }
      }
    }
  }
}

extension ClientIdentity.Flaw {
  fileprivate init?(_ found: ccurl_content) {
    switch found {
    case ccurl_content_sound: return nil
    case ccurl_content_empty: self = .empty
    case ccurl_content_der: self = .der
    case ccurl_content_mistaken: self = .mistaken
    case ccurl_content_encrypted: self = .encrypted
    case ccurl_content_none: self = .missing
    default: self = .damaged
    }
  }
}
