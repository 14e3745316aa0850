import CGnuTLS
import Synchronization

/// A key and certificate as GnuTLS takes them, for sessions that are to show another than their server's.
final class TLSCredentials: Sendable {
  private let raw: Mutex<gnutls_certificate_credentials_t>

  init(_ identity: ServerIdentity) throws(CertificateError) {
    var made: gnutls_certificate_credentials_t?
    try check(gnutls_certificate_allocate_credentials(&made), "make credentials")
    raw = Mutex(made!)
    let code = raw.withLock { raw in
      identity.certificate.withDatum { certificate in
        identity.key.withDatum { key in
          var (certificate, key) = (certificate, key)
          return gnutls_certificate_set_x509_key_mem(raw, &certificate, &key, GNUTLS_X509_FMT_PEM)
        }
      }
    }
    try check(code, "take a certificate")
  }

  deinit { raw.withLock { gnutls_certificate_free_credentials($0) } }

  /// Lets a session whose handshake hasn't begun show this certificate; it must end before this object does.
  func beShown(in session: gnutls_session_t) {
    let credentials = raw.withLock { UInt(bitPattern: $0) }
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(bitPattern: credentials))
  }
}

extension String {
  fileprivate func withDatum<Result>(_ body: (gnutls_datum_t) -> Result) -> Result {
    var bytes = Array(utf8)
    return bytes.withUnsafeMutableBufferPointer {
      body(gnutls_datum_t(data: $0.baseAddress, size: CUnsignedInt($0.count)))
    }
  }
}
