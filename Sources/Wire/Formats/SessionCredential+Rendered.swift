package import Core
package import Secrets

extension SessionCredential {
  /// The credential in the format of a file; some formats have the role's name.
  package func rendered(as format: OutputFormat, for role: RoleName) throws(FormatError) -> Secret {
    switch format {
    case .known(let format): try rendered(as: format, for: role)
    case .template(let template): try filled(template)
    }
  }

  /// The credential in a format, for a file, a unit or stdout.
  package func rendered(as format: CredentialFormat, for role: RoleName) throws(FormatError) -> Secret {
    switch format {
    case .json: document().bytes
    case .env: environment()
    case .envFile: try environmentFile()
    case .aws: try awsCredentialsFile()
    case .awsProcess: awsProcessDocument()
    case .awsContainer: awsContainerDocument()
    case .odps: odpsDocument()
    case .ossutil: try ossutilConfiguration()
    case .aliyunCLI: aliyunConfiguration(for: role)
    }
  }
}
