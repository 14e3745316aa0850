import Core

extension CredentialFormat {
  /// The document and its readers, as `--help` lists them.
  var reader: String {
    switch self {
    case .json: "the credential document, which SDKs, command lines and tools read from an external program"
    case .env: "variables in quotes and a line that exports them, read once: for a shell's eval"
    case .envFile: "variables without quotes, read once: for EnvironmentFile=, docker, podman, compose, dotenv, shells"
    case .aws: "a shared credentials file of AWS tools, with the profile default"
    case .awsProcess: "the output of a credential_process of AWS tools"
    case .awsContainer: "the answer of AWS_CONTAINER_CREDENTIALS_FULL_URI"
    case .odps: "the file that ODPS_STS_ACCOUNT_FILE names; pyodps signs with the old secret when it is renewed"
    case .ossutil: "the configuration file of ossutil 1 and 2"
    case .aliyunCLI: "a config.json of aliyun, with a profile of the role's name; in FILE other profiles are kept"
    }
  }
}
