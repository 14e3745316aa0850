internal import Core
package import Secrets

extension SessionCredential {
  /// The credential document, format `json`: one line with the members that every kind of reader needs.
  ///
  /// SDKs read `Code` to `Expiration` from a credentials URI, oss2 `LastUpdated` too; the command line and the SDKs'
  /// External profiles read `mode` and the snake-case twins from a program's output; ossutil and ossfs the first four.
  ///
  /// Written piece by piece: none of these texts needs escaping (`init?`), and each refresh writes one.
  package func document() -> CredentialDocument {
    // Slightly more than the document's constant part.
    var line = SecretBuffer(
      capacity: 320 + 2 * (accessKeyID.utf8.count + accessKeySecret.count + securityToken.count))
    let (expiration, issued) = (expiration.description, issued.description)
    line.append(#"{"Code":"Success","AccessKeyId":""#)
    line.append(accessKeyID)
    line.append(#"","AccessKeySecret":""#)
    let secretAt = line.count..<line.count + accessKeySecret.count
    line.append(accessKeySecret)
    line.append(#"","SecurityToken":""#)
    let tokenAt = line.count..<line.count + securityToken.count
    line.append(securityToken)
    line.append(#"","Expiration":""#)
    line.append(expiration)
    line.append(#"","LastUpdated":""#)
    line.append(issued)
    line.append(#"","mode":"StsToken","access_key_id":""#)
    line.append(accessKeyID)
    line.append(#"","access_key_secret":""#)
    line.append(accessKeySecret)
    line.append(#"","sts_token":""#)
    line.append(securityToken)
    line.append(#"","expiration":""#)
    line.append(expiration)
    line.append("\"}\n")
    return CredentialDocument(bytes: line.finish(), accessKeySecretAt: secretAt, securityTokenAt: tokenAt)
  }
}

/// A credential document, and the positions of the secrets in it: they are unchanged, since no byte of credential text is escaped
/// in JSON.
package struct CredentialDocument {
  package let bytes: Secret
  // Each role has one of these: UInt32 takes half the memory of a Range, and is enough for a document.
  private let secretStart: UInt32
  private let secretEnd: UInt32
  private let tokenStart: UInt32
  private let tokenEnd: UInt32

  fileprivate init(bytes: Secret, accessKeySecretAt secret: Range<Int>, securityTokenAt token: Range<Int>) {
    self.bytes = bytes
    secretStart = UInt32(secret.lowerBound)
    secretEnd = UInt32(secret.upperBound)
    tokenStart = UInt32(token.lowerBound)
    tokenEnd = UInt32(token.upperBound)
  }

  package var accessKeySecretAt: Range<Int> { Int(secretStart)..<Int(secretEnd) }
  package var securityTokenAt: Range<Int> { Int(tokenStart)..<Int(tokenEnd) }

  /// Copies, which the caller should release soon.
  package var accessKeySecret: Secret { copy(accessKeySecretAt) }
  package var securityToken: Secret { copy(securityTokenAt) }

  private func copy(_ range: Range<Int>) -> Secret { bytes.withBytes { Secret(copying: $0.extracting(range)) } }
}
