internal import Core
internal import Secrets

extension SessionCredential {
  /// Format `env`: variables for systemd's `EnvironmentFile=` and for a shell's `eval`, which both treat single quotes alike.
  ///
  /// The variables of the default credential chain, those of the OSS tools, and the expiry. systemd ignores the last line, since it
  /// has no `=` (systemd.exec(5)); a shell needs it to export the variables to programs.
  func environment() -> Secret {
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
