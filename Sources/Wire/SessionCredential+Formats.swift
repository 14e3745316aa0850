internal import Core
internal import JSON
package import Secrets

extension SessionCredential {
  /// The credential document: one line of JSON that satisfies every reader at once.
  ///
  /// SDKs read `Code` to `Expiration` from a credentials URI, oss2 `LastUpdated` too; the command line and the SDKs'
  /// External profiles read `mode` and the snake-case twins from a program's output; ossutil and ossfs the first four.
  package func json() -> Secret {
    var json = JSONWriter(SecretBuffer(capacity: 4096))
    json.object { json in
      json.member("Code", "Success")
      json.member("AccessKeyId", accessKeyID)
      json.member("AccessKeySecret", accessKeySecret)
      json.member("SecurityToken", securityToken)
      json.member("Expiration", expiration)
      json.member("LastUpdated", issued)
      json.member("mode", "StsToken")
      json.member("access_key_id", accessKeyID)
      json.member("access_key_secret", accessKeySecret)
      json.member("sts_token", securityToken)
      json.member("expiration", expiration)
    }
    var line = json.finish()
    line.append(UInt8(ascii: "\n"))
    return line.finish()
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

extension JSONWriter where Sink: ~Copyable {
  fileprivate mutating func member(_ name: String, _ secret: Secret) {
    key(name)
    secret.withBytes { string(utf8: $0) }
  }
}
