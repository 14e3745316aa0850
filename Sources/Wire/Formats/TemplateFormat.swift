internal import Core
internal import Secrets

extension SessionCredential {
  /// Format `template`: the template with its places filled in.
  func filled(_ template: CredentialTemplate) throws(FormatError) -> Secret {
    var text = SecretBuffer(capacity: 4096)
    for piece in template.pieces {
      switch piece {
      case .text(let bytes): text.append(bytes.span)
      // No text of a credential has a character that JSON escapes (`init?`).
      case .field(let field, nil), .field(let field, .json): text.append(value(of: field))
      case .field(let field, .shell):
        // Nor a single quote.
        text.append("'")
        text.append(value(of: field))
        text.append("'")
      case .field(let field, .ini): try appendBare(field, to: &text, in: "a place with the escape 'ini'")
      }
    }
    return text.finish()
  }
}
