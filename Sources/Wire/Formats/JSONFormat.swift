internal import Core
internal import JSON
package import Secrets

extension SessionCredential {
  /// The credential document, format `json`: one line that satisfies every reader at once.
  ///
  /// SDKs read `Code` to `Expiration` from a credentials URI, oss2 `LastUpdated` too; the command line and the SDKs'
  /// External profiles read `mode` and the snake-case twins from a program's output; ossutil and ossfs the first four.
  package func document() -> CredentialDocument {
    var json = JSONWriter(SecretBuffer(capacity: 4096))
    var secretAt = 0..<0
    var tokenAt = 0..<0
    json.object { json in
      json.member("Code", "Success")
      json.member("AccessKeyId", accessKeyID)
      secretAt = json.member("AccessKeySecret", accessKeySecret)
      tokenAt = json.member("SecurityToken", securityToken)
      json.member("Expiration", expiration)
      json.member("LastUpdated", issued)
      json.member("mode", "StsToken")
      json.member("access_key_id", accessKeyID)
      _ = json.member("access_key_secret", accessKeySecret)
      _ = json.member("sts_token", securityToken)
      json.member("expiration", expiration)
    }
    var line = json.finish()
    line.append(UInt8(ascii: "\n"))
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

extension JSONWriter<SecretBuffer> {
  /// Writes a secret and returns where it is.
  fileprivate mutating func member(_ name: String, _ secret: Secret) -> Range<Int> {
    key(name)
    // Behind the quote.
    let start = sink.count + 1
    secret.withBytes { string(utf8: $0) }
    return start..<start + secret.count
  }
}
