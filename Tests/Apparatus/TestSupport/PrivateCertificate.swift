/// Certificates with their keys in files, made by openssl(1).
package enum PrivateCertificate {
  private struct NotMade: Error { let reason: String }

  /// `NAME.crt` and `NAME.key` in `directory`, of a CA there; its common name is `name`, `names` are those of subjectAltName. With `days` below 0
  /// it has ended.
  package static func make(
    _ name: String, days: Int = 2, names: String = "", in directory: TemporaryDirectory
  ) throws {
    let extensions = names.isEmpty ? "" : "subjectAltName=\(names)"
    let key = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
    try run(
      """
      { [ -e ca.pem ] || openssl req -x509 \(key) -keyout ca.key -out ca.pem -days 9 -subj /CN=ca; } &&
        rm -f \(name).key && openssl req \(key) -keyout \(name).key -out \(name).csr -subj /CN=\(name) &&
        echo '\(extensions)' > \(name).ext && chmod 0400 \(name).key &&
        openssl x509 -req -in \(name).csr -CA ca.pem -CAkey ca.key -CAcreateserial -days \(days) \
          -extfile \(name).ext -out \(name).crt
      """, in: directory)
  }

  /// Runs a script in `directory`.
  package static func run(_ script: String, in directory: TemporaryDirectory) throws {
    let (status, _, errors) = try ChildProcess.run(["/bin/bash", "-c", "cd \"$0\" && \(script)", directory.path])
    guard status == 0 else { throw NotMade(reason: errors) }
  }
}
