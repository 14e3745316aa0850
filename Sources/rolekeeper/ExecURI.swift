import CommandInterface
import Core
import LocalClient
import Secrets
import Wire

/// `exec ROLE --uri -- COMMAND`: the command gets the role's loopback URI in its environment and no credential. SDKs ask there
/// again before a session ends, so a long job never runs out of credentials. It isn't run before there is a session.
struct ExecURI {
  /// What makes some SDKs send requests for 127.0.0.1 to a proxy, whatever NO_PROXY says: alibabacloud_credentials 1.0.12 reads the first
  /// two, tools that use libcurl or Python's requests the others, too.
  static let proxyVariables = ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"]

  private let client: LocalClient

  init(_ client: LocalClient) { self.client = client }

  func run(_ arguments: Arguments) throws -> Int32 {
    let role = arguments.roles[0]
    let program = arguments.program ?? []
    let command = ChildCommand(lastWords: program.count, named: program[0])
    if !arguments.dropsProxy, let name = Self.proxyVariables.first(where: { Environment.value($0) != nil }) {
      throw WrongUsage(
        "'\(name)' is set, and some SDKs would ask that proxy for the credential, whatever NO_PROXY says; unset it, or add '--drop-proxy' to run the command without \(Self.list)"
      )
    }
    let answer = try client.request("GET", "/v1/roles/\(role)/uri\(arguments.scope.map { "?scope=\($0)" } ?? "")")
    guard answer.status == 200 else { throw Self.failure(answer, role) }
    let uri = try answer.body.withBytes { (bytes) throws(WireError) in try LoopbackURI(parsing: bytes) }
    // The SDK's own question comes some time later, and what the command does without an answer isn't known.
    _ = try GetCommand(client).answer(to: arguments)
    let failure = command.become(Self.environment(uri, role, arguments.scope, dropsProxy: arguments.dropsProxy))
    Console.report("\(failure)")
    return failure.exitStatus
  }

  private static var list: String {
    "\(proxyVariables.dropLast().joined(separator: ", ")) and \(proxyVariables.last ?? "")"
  }

  private static func failure(_ answer: LocalClient.Answer, _ role: String) -> any Error {
    // An answer that isn't a problem document has only its status.
    let problem = answer.body.withBytes { bytes in try? Problem(parsing: bytes) }
    if let problem, problem.kind == .loopbackOff { return WrongUsage("'--uri' can't be used: \(problem.detail)") }
    return Refusal(answer, role: role)
  }

  /// The child's variables: the URI, and every other source switched off that SDKs would ask before it.
  ///
  /// botocore 1.44.8 has the container URI behind both of AWS's files and boto's (create_credential_resolver in its credentials.py);
  /// rclone asks those of AWS first, restic also that of MinIO's client. ALIBABA_CLOUD_IGNORE_PROFILE is for aliyun and ecctl, which
  /// take a profile of ~/.aliyun/config.json before the URI; by their documentation, it wasn't tried (?).
  static func environment(_ uri: LoopbackURI, _ role: String, _ scope: String?, dropsProxy: Bool) -> ChildEnvironment {
    ChildEnvironment(
      variables: [
        ("ALIBABA_CLOUD_CREDENTIALS_URI", uri.uri), ("ALIBABA_CLOUD_ECS_METADATA_DISABLED", "true"),
        ("ALIBABA_CLOUD_CLI_PROFILE_DISABLED", "true"), ("ALIBABA_CLOUD_IGNORE_PROFILE", "TRUE"),
        ("ALIBABA_CLOUD_CREDENTIALS_FILE", "/dev/null"), ("AWS_CONTAINER_CREDENTIALS_FULL_URI", uri.awsURI),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"), ("AWS_CONFIG_FILE", "/dev/null"), ("BOTO_CONFIG", "/dev/null"),
        ("MINIO_SHARED_CREDENTIALS_FILE", "/dev/null"), ("AWS_EC2_METADATA_DISABLED", "true"),
        ("ROLEKEEPER_ROLE", role),
      ] + (scope.map { [("ROLEKEEPER_SCOPE", $0)] } ?? []),
      without: ChildEnvironment.leftoversBesideURI + (dropsProxy ? proxyVariables : []))
  }
}
