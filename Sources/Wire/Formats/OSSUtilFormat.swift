internal import Core
internal import Secrets

extension SessionCredential {
  /// Format `ossutil`: the configuration file of ossutil 1 and 2, `~/.ossutilconfig` or `--config-file`.
  ///
  /// ossutil 1 reads the section `Credentials` alone (its lib/config_helper.go), ossutil 2 the section `default` (the vendor's
  /// "Configure ossutil 2.0"); each ignores the other's. That ossutil 2 takes a token beside a key without a mode being set is by
  /// that page's example of the key `stsToken`; it wasn't tried (?). Neither reads an expiration, so it is in a comment.
  func ossutilConfiguration() throws(FormatError) -> Secret {
    var text = SecretBuffer(capacity: 4096)
    text.append("# This session expires at \(expiration).\n")
    let sections: [StaticString] = ["[Credentials]\n", "\n[default]\n"]
    let keys: [(StaticString, CredentialField)] = [
      ("accessKeyID=", .accessKeyID), ("accessKeySecret=", .accessKeySecret), ("stsToken=", .securityToken),
    ]
    for section in sections {
      text.append(section)
      for (key, field) in keys {
        text.append(key)
        try appendBare(field, to: &text, in: CredentialFormat.ossutil.phrase)
        text.append("\n")
      }
    }
    return text.finish()
  }
}
