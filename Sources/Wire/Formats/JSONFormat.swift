internal import Core
package import Secrets

extension SessionCredential {
  /// The credential document, format `json`: one line that satisfies every reader at once.
  ///
  /// SDKs read `Code` to `Expiration` from a credentials URI, oss2 `LastUpdated` too; the command line and the SDKs'
  /// External profiles read `mode` and the snake-case twins from a program's output; ossutil and ossfs the first four.
  ///
  /// Written piece by piece: none of these texts has anything to escape in it (`init?`), and each refresh writes one.
  package func document() -> CredentialDocument {
    // A little more than all that isn't the credential's.
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

/// A credential document, and where in it the secrets are: as they came, for no byte of a credential's text is escaped in JSON.
package struct CredentialDocument {
  package let bytes: Secret
  // Each role has one of these: half of a range's size is enough for a document.
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

  /// Copies, which their holder lets go of soon.
  package var accessKeySecret: Secret { copy(accessKeySecretAt) }
  package var securityToken: Secret { copy(securityTokenAt) }

  private func copy(_ range: Range<Int>) -> Secret { bytes.withBytes { Secret(copying: $0.extracting(range)) } }
}
