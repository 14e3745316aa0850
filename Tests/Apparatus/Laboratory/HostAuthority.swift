import TestSupport

/// A certificate authority for hosts, by openssl(1), with all its files in a directory of its own.
package final class HostAuthority {
  /// The files of a certificate and of its key.
  package struct Identity: Sendable {
    package let certificate: String
    package let key: String
  }

  private struct Failed: Error { let reason: String }

  private let directory: TemporaryDirectory
  private var issued = 0

  /// The file of its own certificate, and that of its revocation list.
  package var certificate: String { directory.path("ca.crt") }
  package var revocations: String { directory.path("ca.crl") }

  package init() throws {
    directory = try TemporaryDirectory()
    try directory.write(
      """
      [ca]
      default_ca = fleet
      [fleet]
      database = index.txt
      crlnumber = crlnumber
      default_md = sha256
      default_crl_days = 1

      """, to: "ca.cnf")
    try directory.write("", to: "index.txt")
    try directory.write("01\n", to: "crlnumber")
    try run(
      """
      openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout ca.key -out ca.crt -days 2 \
        -subj "/O=Example/CN=Hosts of ${1##*/}"
      """, directory.path)
    try listRevocations()
  }

  /// A certificate with this subject and these names of subjectAltName, as in `DNS:web7.example`; `key` is as for `openssl req -newkey`.
  package func issue(
    _ subject: String, _ names: [String] = [], key: String = "ec -pkeyopt ec_paramgen_curve:P-256"
  ) throws -> Identity {
    issued += 1
    let identity = Identity(
      certificate: directory.path("\(issued).crt"), key: directory.path("\(issued).key"))
    let extensions = names.isEmpty ? "" : "subjectAltName=\(names.joined(separator: ","))\n"
    try directory.write(extensions + "extendedKeyUsage=clientAuth,serverAuth\n", to: "\(issued).ext")
    try run(
      """
      openssl req -newkey \(key) -nodes -keyout "$1.key" -out "$1.csr" -subj "$2" &&
        openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 1 -extfile "$1.ext" -out "$1.crt"
      """, "\(issued)", subject)
    return identity
  }

  package func revoke(_ identity: Identity) throws {
    try run(#"openssl ca -config ca.cnf -keyfile ca.key -cert ca.crt -revoke "$1""#, identity.certificate)
    try listRevocations()
  }

  private func listRevocations() throws {
    try run("openssl ca -config ca.cnf -keyfile ca.key -cert ca.crt -gencrl -out ca.crl.new && mv ca.crl.new ca.crl")
  }

  private func run(_ script: String, _ words: String...) throws {
    let (status, _, errors) = try ChildProcess.run(
      ["/bin/bash", "-c", "cd \"$0\" && { \(script); }", directory.path] + words)
    guard status == 0 else { throw Failed(reason: errors) }
  }
}
