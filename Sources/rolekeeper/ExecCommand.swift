import CommandInterface
import Core
import Glibc
import LocalClient
import Secrets
import Wire

/// `exec ROLE -- COMMAND`: runs a command with the role's credential in its environment, or in a file that follows the rotations.
///
/// Without anything to do afterwards this process becomes the command. Otherwise it stays beside it, passes signals on, and ends with
/// the command's status.
struct ExecCommand {
  private let client: LocalClient

  init(_ client: LocalClient) { self.client = client }

  func run(_ arguments: Arguments) throws -> Int32 {
    let program = arguments.program ?? []
    let command = ChildCommand(lastWords: program.count, named: program[0])
    let template = try arguments.template.map { path in try TemplateFile.read(path) }
    let session = try ExecSession(GetCommand(client).answer(to: arguments))
    if let remaining = session.belowFloor { Console.report(GetCommand.belowFloor(arguments.roles[0], remaining)) }
    guard arguments.usesFile || arguments.renewal != .none || arguments.endsBeforeExpiry else {
      let failure = command.become(try session.environment(arguments, file: nil))
      Console.report("\(failure)")
      return failure.exitStatus
    }
    let format = template.map { OutputFormat.template($0) } ?? .known(arguments.format)
    var supervisor = try ExecSupervisor(client, arguments, format, command, session)
    return try supervisor.run()
  }
}

/// A session that a command gets.
struct ExecSession {
  let accessKeyID: String
  let expiration: UTCTime
  let generation: UInt64?
  /// Its remaining life if that is less than the role's floor.
  let belowFloor: Duration?
  /// Nil once the command has it: the secrets are wiped as soon as they aren't needed any more.
  private var credential: SessionCredential?

  /// `answer` is one with a credential.
  init(_ answer: LocalClient.Answer) throws(WireError) {
    let credential = try answer.body.withBytes { (bytes) throws(WireError) in try SessionCredential(parsing: bytes) }
    (accessKeyID, expiration) = (credential.accessKeyID, credential.expiration)
    self.credential = credential
    generation = answer.head.field("rolekeeper-generation").flatMap { UInt64($0) }
    belowFloor = answer.head.field("rolekeeper-below-floor").flatMap { Int64($0) }.map { .seconds($0) }
  }

  mutating func dropSecrets() { credential = nil }

  /// The command's variables: with the credential, or with the path of the file that has it.
  func environment(_ arguments: Arguments, file: PrivateFile?) throws -> ChildEnvironment {
    var variables = [("ROLEKEEPER_ROLE", arguments.roles[0])]
    if let scope = arguments.scope { variables.append(("ROLEKEEPER_SCOPE", scope)) }
    if let generation { variables.append(("ROLEKEEPER_GENERATION", "\(generation)")) }
    if let file { variables.append(("ROLEKEEPER_CREDENTIALS_FILE", file.path)) }
    return ChildEnvironment(
      lines: file == nil ? try rendered(as: .known(.env), for: arguments) : nil, variables: variables,
      without: ChildEnvironment.leftovers(for: arguments.format))
  }

  /// Nil once the secrets are dropped.
  func rendered(as format: OutputFormat, for arguments: Arguments) throws(FormatError) -> Secret? {
    // Names were checked with the other arguments.
    try credential?.rendered(as: format, for: RoleName(arguments.roles[0])!)
  }
}
