/// A format that credentials are handed out in; the names are those of the settings and of the command line, and each is named
/// after its reader.
package enum CredentialFormat: String, Hashable, CaseIterable, Sendable {
  /// The credential document: one line of JSON.
  case json
  /// `NAME='value'` lines for a shell's `eval` and for systemd's `EnvironmentFile=`.
  case env
  /// Bare `NAME=value` lines, which everything that reads such files takes alike.
  case envFile = "env-file"
  /// The shared credentials file of AWS tools.
  case aws
  /// The output of a `credential_process` of AWS tools.
  case awsProcess = "aws-process"
  /// The answer of a container's credentials URI for AWS tools.
  case awsContainer = "aws-container"
  /// The file that ODPS_STS_ACCOUNT_FILE names.
  case odps
  /// The configuration file of ossutil 1 and 2.
  case ossutil
  /// A `config.json` of the aliyun command line.
  case aliyunCLI = "aliyun-cli"

  /// As messages name it.
  package var phrase: String { "format '\(rawValue)'" }

  /// The names in their order, as messages list them.
  package static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }
}
