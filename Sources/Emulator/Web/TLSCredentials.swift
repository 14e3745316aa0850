import CGnuTLS
import Synchronization

/// A key and certificate as GnuTLS takes them, for sessions that are to show another than their server's.
final class TLSCredentials: Sendable {
  private let raw: Mutex<gnutls_certificate_credentials_t>
  private let verifiesClients: Bool

  /// With `authority`, a certificate in PEM, the client has to show a certificate of it, too.
  init(_ identity: ServerIdentity, trusting authority: String? = nil) throws(CertificateError) {
    verifiesClients = authority != nil
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
    guard let authority else { return }
    let count = raw.withLock { raw in
      authority.withDatum { authority in
        var authority = authority
        return gnutls_certificate_set_x509_trust_mem(raw, &authority, GNUTLS_X509_FMT_PEM)
      }
    }
    try check(count, "take an authority")
  }

  deinit { raw.withLock { gnutls_certificate_free_credentials($0) } }

  /// Lets a session whose handshake hasn't begun show this certificate; it must end before this object does.
  func beShown(in session: gnutls_session_t) {
    let credentials = raw.withLock { UInt(bitPattern: $0) }
    gnutls_credentials_set(session, GNUTLS_CRD_CERTIFICATE, UnsafeMutableRawPointer(bitPattern: credentials))
    guard verifiesClients else { return }
    gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE)
    // The handshake fails unless the client's certificate is valid; there is no name to compare.
    gnutls_session_set_verify_cert(session, nil, 0)
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
