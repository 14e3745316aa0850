internal import Core
internal import Secrets

/// The documents of tools that speak S3: they take an OSS credential under AWS's names.
extension SessionCredential {
  /// Format `aws`: a shared credentials file with the profile `default` (AWS SDKs and Tools Reference Guide, "Shared config and
  /// credentials files"). That file has no key for an expiration, so it is in a comment: a reader that looks at the file again, such
  /// as restic or minio, takes the next session from it.
  func awsCredentialsFile() throws(FormatError) -> Secret {
    var text = SecretBuffer(capacity: 2048)
    text.append("# This session expires at \(expiration).\n[default]\n")
    let keys: [(StaticString, CredentialField)] = [
      ("aws_access_key_id", .accessKeyID), ("aws_secret_access_key", .accessKeySecret),
      ("aws_session_token", .securityToken),
    ]
    for (key, field) in keys {
      text.append(key)
      text.append(" = ")
      try appendBare(field, to: &text, in: CredentialFormat.aws.phrase)
      text.append("\n")
    }
    return text.finish()
  }

  /// Format `aws-process`: what a `credential_process` prints (AWS SDKs and Tools Reference Guide, "Process credential provider").
  /// `Version` has to be a number. Without `Expiration`, botocore would keep the session for ever.
  func awsProcessDocument() -> Secret {
    document(
      [
        ("AccessKeyId", .accessKeyID), ("SecretAccessKey", .accessKeySecret), ("SessionToken", .securityToken),
        ("Expiration", .expiration),
      ], after: #""Version":1,"#)
  }

  /// Format `aws-container`: what AWS_CONTAINER_CREDENTIALS_FULL_URI answers (AWS SDKs and Tools Reference Guide, "Container
  /// credential provider"). botocore raises a KeyError if one of the four is missing.
  func awsContainerDocument() -> Secret {
    document([
      ("AccessKeyId", .accessKeyID), ("SecretAccessKey", .accessKeySecret), ("Token", .securityToken),
      ("Expiration", .expiration),
    ])
  }
}
