package import Core
package import Secrets

/// The constant parts of requests without a body that one long-lived key signs for one action at one endpoint: everything but
/// query, date and nonce. Built once, since joining these texts took as long as the rest of a signature.
package struct SignatureForm {
  /// The part of the canonical request before the query.
  private let start: String
  /// The headers of the canonical request up to the date, from the date to the nonce, and the rest of it.
  private var canonical = ["\n", "", ""]
  /// The same parts of the lines that are sent, except the last line, which has the signature.
  private var lines = [TextLines(), TextLines(), TextLines()]
  /// The value of the last line, up to the signature.
  private let authorization: String

  private static let date = "x-acs-date"
  private static let nonce = "x-acs-signature-nonce"

  /// `headers` are all but the date, the nonce and the hash of the body; in any order, each once.
  package init(method: String, path: String, headers: [(name: String, value: String)], keyID: String) {
    let request = SignatureV3.Request(
      method: method, path: path, headers: headers + [(Self.nonce, "")], date: UTCTime(seconds: 0))
    let sorted = SignatureV3.canonicalHeaders(request)
    let names = SignatureV3.names(of: sorted)
    start = "\(method)\n\(path)\n"
    authorization = "\(SignatureV3.algorithm) Credential=\(keyID),SignedHeaders=\(names),Signature="
    var part = 0
    for header in sorted {
      canonical[part] += "\(header.name):"
      guard header.name != Self.date, header.name != Self.nonce else {
        part += 1
        canonical[part] += "\n"
        continue
      }
      canonical[part] += "\(header.value ?? "")\n"
      lines[part].append(header.name, ": ", header.value ?? "")
    }
    canonical[2] += "\n\(names)\n\(request.payloadHash)"
  }

  /// Signs a request; returns its headers as they are sent. `query` is a `canonicalQuery`.
  package func sign(query: String, date: UTCTime, nonce: String, secret: Secret) -> TextLines {
    let date = date.description
    // Without a security token no part of it is secret.
    let request = String(joining: start, query, canonical[0], date, canonical[1], nonce, canonical[2])
    var text = SignatureV3.stringToSign(request)
    let signature = text.withUTF8 { Digest.hmacSHA256($0.span, key: secret) }
    var all = TextLines()
    all.reserveCapacity(960)
    all.append(lines[0])
    all.append(Self.date, ": ", date)
    all.append(lines[1])
    all.append(Self.nonce, ": ", nonce)
    all.append(lines[2])
    all.append("Authorization: ", authorization, signature)
    return all
  }
}
