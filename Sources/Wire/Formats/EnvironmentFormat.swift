internal import Core
internal import Secrets

/// The variables of a credential, in two formats: those of the default credential chain, those of the OSS tools, and the expiry.
///
/// ALIYUN_ACCESS_KEY_ID and ALIYUN_ACCESS_KEY_SECRET are never among them: aliyun-python-sdk-core takes these two in place of a token
/// that it was given, and has no variable for the token itself.
extension SessionCredential {
  private static let variables: [(name: String, field: CredentialField)] = [
    ("ALIBABA_CLOUD_ACCESS_KEY_ID", .accessKeyID),
    ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", .accessKeySecret),
    ("ALIBABA_CLOUD_SECURITY_TOKEN", .securityToken),
    ("OSS_ACCESS_KEY_ID", .accessKeyID),
    ("OSS_ACCESS_KEY_SECRET", .accessKeySecret),
    ("OSS_SESSION_TOKEN", .securityToken),
    ("ROLEKEEPER_EXPIRATION", .expiration),
  ]

  /// Format `env`: variables for systemd's `EnvironmentFile=` and for a shell's `eval`, which both treat single quotes alike.
  ///
  /// systemd ignores the last line, since it has no `=` (systemd.exec(5)); a shell needs it to export the variables to programs.
  func environment() -> Secret {
    var text = SecretBuffer(capacity: 4096)
    for (name, field) in Self.variables {
      text.append("\(name)='")
      text.append(value(of: field))
      text.append("'\n")
    }
    text.append("export \(Self.variables.map(\.name).joined(separator: " "))\n")
    return text.finish()
  }

  /// Format `env-file`: the same variables without quotes and without `export`, which systemd, docker, podman, compose, dotenv and
  /// shells read alike. Docker keeps quotes in the value, and refuses a line `export A B`.
  func environmentFile() throws(FormatError) -> Secret {
    var text = SecretBuffer(capacity: 4096)
    for (name, field) in Self.variables {
      text.append("\(name)=")
      try appendBare(field, to: &text, in: CredentialFormat.envFile.phrase)
      text.append("\n")
    }
    return text.finish()
  }
}
