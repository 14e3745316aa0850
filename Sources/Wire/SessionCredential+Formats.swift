internal import Core
internal import JSON
package import Secrets

extension SessionCredential {
  /// The credential document: one line of JSON that satisfies every reader at once.
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

  /// Variables for systemd's `EnvironmentFile=` and for a shell's `eval`, which both read single quotes alike.
  ///
  /// The variables of the default credential chain, those of the OSS tools, and the end of it all. systemd passes over
  /// the last line, since it has no `=` (systemd.exec(5)); a shell needs it for the programs it starts.
  package func environment() -> Secret {
    var text = SecretBuffer(capacity: 4096)
    for (name, value) in environmentVariables {
      text.append("\(name)='")
      switch value {
      case .plain(let plain): text.append(plain)
      case .secret(let secret): text.append(secret)
      }
      text.append("'\n")
    }
    text.append("export \(environmentVariables.map(\.name).joined(separator: " "))\n")
    return text.finish()
  }

  private enum Value {
    case plain(String)
    case secret(Secret)
  }

  private var environmentVariables: [(name: String, value: Value)] {
    [
      ("ALIBABA_CLOUD_ACCESS_KEY_ID", .plain(accessKeyID)),
      ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", .secret(accessKeySecret)),
      ("ALIBABA_CLOUD_SECURITY_TOKEN", .secret(securityToken)),
      ("OSS_ACCESS_KEY_ID", .plain(accessKeyID)),
      ("OSS_ACCESS_KEY_SECRET", .secret(accessKeySecret)),
      ("OSS_SESSION_TOKEN", .secret(securityToken)),
      ("ROLEKEEPER_EXPIRATION", .plain(expiration.description)),
    ]
  }
}

/// A credential document, and where in it the secrets are: as they came, for no byte of a credential's text is escaped in JSON.
package struct CredentialDocument {
  package let bytes: Secret
  package let accessKeySecretAt: Range<Int>
  package let securityTokenAt: Range<Int>
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
