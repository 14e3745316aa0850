import CGnuTLS

/// An RSA public key that verifies RS256 (RFC 7518, 3.3).
struct RSAPublicKey: Sendable, Equatable {
  let modulus: [UInt8]
  let exponent: [UInt8]

  /// Both are big-endian numbers; leading zeros don't count.
  init(modulus: [UInt8], exponent: [UInt8]) {
    self.modulus = Array(modulus.drop { $0 == 0 })
    self.exponent = Array(exponent.drop { $0 == 0 })
  }

  /// Reads `-----BEGIN PUBLIC KEY-----`; nil for anything but an RSA key.
  init?(pem: String) {
    var parts: (modulus: [UInt8], exponent: [UInt8])?
    withPublicKey { key in
      let code = pem.withDatum { gnutls_pubkey_import(key, $0, GNUTLS_X509_FMT_PEM) }
      var (modulus, exponent) = (gnutls_datum_t(), gnutls_datum_t())
      guard code == 0, gnutls_pubkey_export_rsa_raw(key, &modulus, &exponent) == 0 else { return }
      parts = (taken(modulus), taken(exponent))
    }
    guard let parts else { return nil }
    self.init(modulus: parts.modulus, exponent: parts.exponent)
  }

  func verifies(_ signature: [UInt8], of text: [UInt8]) -> Bool {
    var isValid = false
    withPublicKey { key in
      let code = modulus.withDatum { modulus in
        exponent.withDatum { gnutls_pubkey_import_rsa_raw(key, modulus, $0) }
      }
      guard code == 0 else { return }
      isValid =
        text.withDatum { text in
          signature.withDatum { gnutls_pubkey_verify_data2(key, GNUTLS_SIGN_RSA_SHA256, 0, text, $0) }
        } >= 0
    }
    return isValid
  }
}

/// An RSA key pair of 2048 bits that signs RS256.
struct RSAKeyPair: Sendable {
  let publicKey: RSAPublicKey
  private let pem: [UInt8]

  init() throws(CertificateError) {
    var made: gnutls_x509_privkey_t?
    try check(gnutls_x509_privkey_init(&made), "make a key")
    let raw = made!
    defer { gnutls_x509_privkey_deinit(raw) }
    try check(gnutls_x509_privkey_generate(raw, GNUTLS_PK_RSA, 2048, 0), "make a key")
    var (modulus, exponent, other) = (gnutls_datum_t(), gnutls_datum_t(), gnutls_datum_t())
    var (first, second, inverse) = (gnutls_datum_t(), gnutls_datum_t(), gnutls_datum_t())
    try check(
      gnutls_x509_privkey_export_rsa_raw(raw, &modulus, &exponent, &other, &first, &second, &inverse), "write a key")
    publicKey = RSAPublicKey(modulus: taken(modulus), exponent: taken(exponent))
    for number in [other, first, second, inverse] { _ = taken(number) }
    var text = gnutls_datum_t()
    try check(gnutls_x509_privkey_export2(raw, GNUTLS_X509_FMT_PEM, &text), "write a key")
    pem = taken(text)
  }

  func signature(of text: [UInt8]) throws(CertificateError) -> [UInt8] {
    var made: gnutls_privkey_t?
    try check(gnutls_privkey_init(&made), "make a key")
    let raw = made!
    defer { gnutls_privkey_deinit(raw) }
    try check(pem.withDatum { gnutls_privkey_import_x509_raw(raw, $0, GNUTLS_X509_FMT_PEM, nil, 0) }, "read a key")
    var signature = gnutls_datum_t()
    try check(
      text.withDatum { gnutls_privkey_sign_data2(raw, GNUTLS_SIGN_RSA_SHA256, 0, $0, &signature) }, "sign a token")
    return taken(signature)
  }
}

private func withPublicKey(_ body: (gnutls_pubkey_t) -> Void) {
  var made: gnutls_pubkey_t?
  guard gnutls_pubkey_init(&made) == 0, let key = made else { return }
  defer { gnutls_pubkey_deinit(key) }
  body(key)
}

/// Copies what the library has allocated, and frees it.
private func taken(_ datum: gnutls_datum_t) -> [UInt8] {
  defer { cgnutls_free(datum.data) }
  return Array(UnsafeBufferPointer(start: datum.data, count: Int(datum.size)))
}

extension [UInt8] {
  fileprivate func withDatum<Result>(_ body: (UnsafePointer<gnutls_datum_t>) -> Result) -> Result {
    var bytes = self
    return bytes.withUnsafeMutableBufferPointer {
      var datum = gnutls_datum_t(data: $0.baseAddress, size: CUnsignedInt($0.count))
      return body(&datum)
    }
  }
}

extension String {
  fileprivate func withDatum<Result>(_ body: (UnsafePointer<gnutls_datum_t>) -> Result) -> Result {
    Array(utf8).withDatum(body)
  }
}
