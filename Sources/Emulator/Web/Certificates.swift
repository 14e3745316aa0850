import CGnuTLS
import Glibc

/// What is wrong with a server's certificate.
package enum CertificateFlaw: String, Sendable, CaseIterable {
  /// It expired a day ago.
  case expired
  /// It is for another server's name.
  case name
  /// It is signed by another CA with the same name as the right one.
  case authority
}

/// A key and a certificate in PEM.
package struct ServerIdentity: Sendable {
  package let key: String
  package let certificate: String
}

/// A CA created for one run, and server certificates signed by it, including flawed ones.
struct Certificates: Sendable {
  /// The CA certificate in PEM.
  let authority: String
  let server: ServerIdentity
  /// For a client, by the same CA.
  let client: ServerIdentity
  let flawed: [CertificateFlaw: ServerIdentity]

  private static let day: time_t = 86_400

  /// The addresses and names that a client may connect to: the loopback addresses, `localhost` and `names`.
  ///
  /// Valid from a month before to ten years after the current time of the machine's clock, so that clients whose clocks are wrong
  /// by days are served, too.
  init(names: [String]) throws(CertificateError) {
    let now = time(nil)
    let authority = try Authority(now: now)
    let names = ["localhost"] + names
    self.authority = try authority.certificate.pem
    server = try authority.server(names: names, since: now - 30 * Self.day, until: now + 3650 * Self.day)
    client = try authority.client(since: now - 30 * Self.day, until: now + 3650 * Self.day)
    flawed = [
      .expired: try authority.server(names: names, since: now - 30 * Self.day, until: now - Self.day),
      .name: try authority.server(
        names: ["elsewhere.example"], addresses: [], since: now - 30 * Self.day, until: now + 3650 * Self.day),
      .authority: try Authority(now: now).server(
        names: names, since: now - 30 * Self.day, until: now + 3650 * Self.day),
    ]
  }
}

private struct Authority {
  let key: PrivateKey
  let certificate: Certificate

  init(now: time_t) throws(CertificateError) {
    key = try PrivateKey()
    certificate = try Certificate(
      subject: "sts-emulator test CA", key: key, since: now - 60 * 86_400, until: now + 3650 * 86_400)
    try certificate.makeAuthority()
    try certificate.sign(by: certificate, with: key)
  }

  func server(
    names: [String], addresses: [[UInt8]] = [[127, 0, 0, 1]], since: time_t, until: time_t
  ) throws(CertificateError) -> ServerIdentity {
    let serverKey = try PrivateKey()
    let server = try Certificate(subject: names[0], key: serverKey, since: since, until: until)
    try server.makeServer(names: names, addresses: addresses)
    try server.sign(by: certificate, with: key)
    return ServerIdentity(key: try serverKey.pem, certificate: try server.pem)
  }

  func client(since: time_t, until: time_t) throws(CertificateError) -> ServerIdentity {
    let clientKey = try PrivateKey()
    let client = try Certificate(subject: "client", key: clientKey, since: since, until: until)
    try client.makeLeaf(for: GNUTLS_KP_TLS_WWW_CLIENT)
    try client.sign(by: certificate, with: key)
    return ServerIdentity(key: try clientKey.pem, certificate: try client.pem)
  }
}

package struct CertificateError: Error, CustomStringConvertible {
  /// The attempted action: `sign a certificate`.
  let attempt: String
  let code: CInt

  package var description: String { "TLS: cannot \(attempt): \(String(cString: gnutls_strerror(code)))" }
}

func check(_ code: CInt, _ attempt: String) throws(CertificateError) {
  if code < 0 { throw CertificateError(attempt: attempt, code: code) }
}

private final class PrivateKey {
  fileprivate let raw: gnutls_x509_privkey_t

  init() throws(CertificateError) {
    var raw: gnutls_x509_privkey_t?
    try check(gnutls_x509_privkey_init(&raw), "make a key")
    self.raw = raw!
    // P-256: a server key takes less than a millisecond.
    let curve = CUnsignedInt(1 << 31) | CUnsignedInt(GNUTLS_ECC_CURVE_SECP256R1.rawValue)
    try check(gnutls_x509_privkey_generate(self.raw, GNUTLS_PK_ECDSA, curve, 0), "make a key")
  }

  deinit { gnutls_x509_privkey_deinit(raw) }

  var pem: String {
    get throws(CertificateError) {
      try exported { gnutls_x509_privkey_export(raw, GNUTLS_X509_FMT_PEM, $0, $1) }
    }
  }
}

private final class Certificate {
  fileprivate let raw: gnutls_x509_crt_t

  init(subject: String, key: PrivateKey, since: time_t, until: time_t) throws(CertificateError) {
    var raw: gnutls_x509_crt_t?
    try check(gnutls_x509_crt_init(&raw), "make a certificate")
    self.raw = raw!
    try check(gnutls_x509_crt_set_version(self.raw, 3), "set a certificate's version")
    try check(gnutls_x509_crt_set_key(self.raw, key.raw), "set a certificate's key")
    try check(gnutls_x509_crt_set_activation_time(self.raw, since), "set a certificate's begin")
    try check(gnutls_x509_crt_set_expiration_time(self.raw, until), "set a certificate's end")
    // The first bit stays 0: a serial number is positive (RFC 5280, 4.1.2.2).
    let serial = [0x01] + Digests.random(15)
    try check(gnutls_x509_crt_set_serial(self.raw, serial, serial.count), "number a certificate")
    try check(
      gnutls_x509_crt_set_dn_by_oid(self.raw, "2.5.4.3", 0, subject, CUnsignedInt(subject.utf8.count)),
      "name a certificate")
    let id = Array(Digests.sha256(serial).prefix(20))
    try check(gnutls_x509_crt_set_subject_key_id(self.raw, id, id.count), "mark a certificate's key")
  }

  deinit { gnutls_x509_crt_deinit(raw) }

  func makeAuthority() throws(CertificateError) {
    try check(gnutls_x509_crt_set_basic_constraints(raw, 1, 0), "make an authority")
    try check(
      gnutls_x509_crt_set_key_usage(raw, CUnsignedInt(GNUTLS_KEY_KEY_CERT_SIGN | GNUTLS_KEY_CRL_SIGN)),
      "make an authority")
  }

  func makeServer(names: [String], addresses: [[UInt8]]) throws(CertificateError) {
    try makeLeaf(for: GNUTLS_KP_TLS_WWW_SERVER)
    for name in names { try addName(GNUTLS_SAN_DNSNAME, Array(name.utf8)) }
    for address in addresses { try addName(GNUTLS_SAN_IPADDRESS, address) }
  }

  /// `purpose` is an extended key usage's OID.
  func makeLeaf(for purpose: String) throws(CertificateError) {
    try check(gnutls_x509_crt_set_basic_constraints(raw, 0, -1), "make a certificate")
    try check(gnutls_x509_crt_set_key_usage(raw, CUnsignedInt(GNUTLS_KEY_DIGITAL_SIGNATURE)), "make a certificate")
    try check(gnutls_x509_crt_set_key_purpose_oid(raw, purpose, 0), "make a certificate")
  }

  func sign(by issuer: Certificate, with key: PrivateKey) throws(CertificateError) {
    var id = [UInt8](repeating: 0, count: 64)
    var count = id.count
    try check(gnutls_x509_crt_get_subject_key_id(issuer.raw, &id, &count, nil), "read an authority's key mark")
    try check(gnutls_x509_crt_set_authority_key_id(raw, id, count), "name a certificate's authority")
    try check(gnutls_x509_crt_sign2(raw, issuer.raw, key.raw, GNUTLS_DIG_SHA256, 0), "sign a certificate")
  }

  var pem: String {
    get throws(CertificateError) { try exported { gnutls_x509_crt_export(raw, GNUTLS_X509_FMT_PEM, $0, $1) } }
  }

  private func addName(_ type: gnutls_x509_subject_alt_name_t, _ name: [UInt8]) throws(CertificateError) {
    try check(
      gnutls_x509_crt_set_subject_alt_name(
        raw, type, name, CUnsignedInt(name.count), CUnsignedInt(GNUTLS_FSAN_APPEND)),
      "name a server")
  }
}

private func exported(
  _ export: (UnsafeMutableRawPointer, UnsafeMutablePointer<Int>) -> CInt
) throws(CertificateError) -> String {
  var bytes = [UInt8](repeating: 0, count: 8192)
  var count = bytes.count
  try check(export(&bytes, &count), "write a certificate")
  return String(decoding: bytes[..<count], as: UTF8.self)
}
