/// Certificates of hosts, made by openssl(1).
package enum HostCertificate {
  private struct NotMade: Error { let reason: String }

  /// A self-signed certificate in PEM form. `names` are those of subjectAltName, as in `DNS:web7.example`.
  package static func make(_ subject: String = "/O=Example", _ names: String...) throws -> String {
    let extensions = names.isEmpty ? [] : ["-addext", "subjectAltName=\(names.joined(separator: ","))"]
    return try run(
      ["/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        + ["-keyout", "/dev/null", "-days", "1", "-utf8", "-subj", subject] + extensions)
  }

  /// The same certificate with other bytes in place of some text; `bytes` are as in sed(1). It has a wrong signature then.
  package static func replacing(_ text: String, by bytes: String, in pem: String) throws -> String {
    let script = """
      printf '%s' "$1" | openssl x509 -outform DER | LC_ALL=C sed "s/$2/$3/" | openssl x509 -inform DER
      """
    return try run(["/bin/bash", "-c", script, "bash", pem, text, bytes])
  }

  /// As nginx has it in `$ssl_client_escaped_cert`: everything but letters, digits, `-`, `.`, `_` and `~` is percent-encoded.
  package static func escaped(_ pem: String) -> String {
    pem.utf8.map { byte in
      let character = Character(Unicode.Scalar(byte))
      if character.isASCII, character.isLetter || character.isNumber || "-._~".contains(character) {
        return "\(character)"
      }
      let digits = String(byte, radix: 16, uppercase: true)
      return "%\(digits.count < 2 ? "0" : "")\(digits)"
    }.joined()
  }

  private static func run(_ command: [String]) throws -> String {
    let (status, output, errors) = try ChildProcess.run(command)
    guard status == 0, output.hasPrefix("-----BEGIN CERTIFICATE-----") else { throw NotMade(reason: errors) }
    return output
  }
}
