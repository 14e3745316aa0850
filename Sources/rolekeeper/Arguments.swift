import CommandInterface
import Core

/// The commands, as they are typed.
enum Command: String, CaseIterable {
  case status, get, wait, watch, exec, check, policy, source, doctor, reload, refresh, report
  case whoHad = "who-had"
}

/// A duration together with its text, which messages repeat.
struct WrittenTime: Equatable {
  let text: String
  /// Whole seconds, 0 to 36 000 000.
  let seconds: Int64

  /// Nil for a text that `Duration(text:)` doesn't accept.
  init?(_ text: String) {
    guard let span = Duration(text: text) else { return nil }
    self.text = text
    seconds = span.wholeSeconds
  }
}

/// The parsed command line, checked before anything is sent.
///
/// It has its own parser, since SDKs run `get` for every refresh: the usual library looks up its types at run time,
/// which takes longer than everything else.
struct Arguments {
  typealias Wrong = WrongUsage

  let command: Command
  private(set) var socket: String?
  /// Names of roles; each is one that a role can have.
  private(set) var roles: [String] = []
  /// The session for `report` or `who-had`; nil for `report` about the current session.
  private(set) var accessKeyID: String?
  private(set) var format = CredentialFormat.json
  /// The field that is printed alone; nil for the whole credential.
  private(set) var field: CredentialField?
  /// The file to fill in; nil for a document.
  private(set) var template: String?
  /// Of `exec`: whether the credential is in a file rather than in variables.
  var usesFile: Bool { template != nil || format != .env }
  /// The file for the credential; nil for stdout.
  private(set) var output: String?
  /// The scope of the role, whose name it can be; nil for the role itself.
  private(set) var scope: String?
  private(set) var minTTL: WrittenTime?
  private(set) var wait: WrittenTime?
  /// The time limit for the command; nil for the command's default.
  private(set) var timeout: WrittenTime?
  private(set) var config: String?
  /// The unit for `who-had --unit`, with its type: `encode.service`.
  private(set) var unit: UnitName?
  /// A time as journalctl(1) reads it.
  private(set) var since: String?
  private(set) var isJSON = false
  private(set) var isWatching = false
  /// Whether `status` prints one line and ends with a status for monitoring.
  private(set) var isHealthCheck = false
  /// For `reload`: whether roles, readers or files may vanish from a settings file that still exists.
  private(set) var allowsRemoval = false
  /// Of `exec` and `watch`: the command to run and its arguments, at least one word; nil if there is none.
  private(set) var program: [String]?
  private(set) var renewal = Renewal.none
  private(set) var endsBeforeExpiry = false
  /// Of `exec`: whether the command gets the loopback URI in place of a credential, and no variable that names a proxy.
  private(set) var givesURI = false
  private(set) var dropsProxy = false
  /// Of `check`: print the polkit rule instead of the findings.
  private(set) var printsPolkit = false
  /// Of `check`: print the least policies in RAM instead of the findings.
  private(set) var printsPolicies = false
  /// Of `policy test`: ROLE or ROLE/SCOPE, ACTION, RESOURCE, and KEY=VALUE words.
  private(set) var policyTest: [String] = []
  /// Of `check`: ask STS as well.
  private(set) var isOnline = false
  /// Of `check --online` and `source test`: the roles and the source to try; empty and nil for all.
  private(set) var testedRoles: [String] = []
  private(set) var testedSource: String?
  /// Of `source test`: the file with the AccessKey; `-` for standard input.
  private(set) var keyFile: String?
  /// Of `doctor`: whose rights and traps are looked at; nil for who runs it.
  private(set) var inspectedUser: String?

  fileprivate init(_ command: Command, _ words: CommandWords<Option>) throws {
    self.command = command
    if let unknown = words.unknownOption { throw Self.unknown(unknown, of: command) }
    for (option, value) in words.options {
      guard option.commands.contains(command) else {
        let others = option.commands.map { "'\($0.rawValue)'" }.joined(separator: " and ")
        throw Wrong("'\(command.rawValue)' has no option '\(option.rawValue)'; it belongs to \(others)")
      }
      try take(option, value)
    }
    roles = words.operands.dropFirst().map { String(decoding: $0, as: UTF8.self) }
    let shapes: [Option] = [.format, .field, .template].filter { words.has($0) }
    if shapes.count > 1 {
      throw Wrong("'\(shapes[0].rawValue)' and '\(shapes[1].rawValue)' don't go together")
    }
    try takeProgram(words)
    if command == .source { try takeKeyFile() }
    if command == .check, !isOnline {
      if !testedRoles.isEmpty { throw Wrong("'--role' goes with '--online'") }
      if isJSON { throw Wrong("'--json' goes with '--online'") }
    }
    if isOnline && printsPolkit { throw Wrong("'--online' and '--print-polkit' don't go together") }
    if isHealthCheck && (isJSON || isWatching) {
      throw Wrong("'--check' goes with neither '--json' nor '--watch'")
    }
    if printsPolkit && printsPolicies { throw Wrong("'--print-polkit' and '--print-policy' don't go together") }
    if command == .policy { try takePolicyTest() }
    try checkRoles()
  }

  private mutating func take(_ option: Option, _ value: String) throws {
    switch option {
    case .socket: socket = try Self.path(value, option)
    case .config: config = try Self.path(value, option)
    case .json: isJSON = true
    case .watch: isWatching = true
    case .check: isHealthCheck = true
    case .allowRemoval: allowsRemoval = true
    case .printPolkit: printsPolkit = true
    case .printPolicy: printsPolicies = true
    case .online: isOnline = true
    case .role: testedRoles.append(try Self.name(value, option))
    case .source: testedSource = try Self.name(value, option)
    case .asUser:
      guard !value.isEmpty else { throw Wrong("'--as' is empty; write a user's name") }
      inspectedUser = value
    case .renew: renewal = try Renewal(value)
    case .endBeforeExpiry: endsBeforeExpiry = true
    case .uri: givesURI = true
    case .dropProxy: dropsProxy = true
    case .format:
      guard let format = CredentialFormat(rawValue: value) else {
        let hint =
          value == OutputFormat.templateName ? "write --template FILE" : "formats are \(CredentialFormat.names)"
        throw Wrong("'--format' is \(quoted(value)); \(hint)")
      }
      self.format = format
    case .field:
      guard let field = CredentialField(rawValue: value) else {
        throw Wrong("'--field' is \(quoted(value)); fields are \(CredentialField.names)")
      }
      self.field = field
    case .template: template = try Self.path(value, option)
    case .output: output = try Self.path(value, option)
    case .scope:
      guard RoleName(value) != nil else {
        throw Wrong("\(quoted(value)) can't be a scope's name; names are \(RoleName.rule)")
      }
      scope = value
    case .minTTL: minTTL = try Self.time(value, option)
    case .timeout:
      let time = try Self.time(value, option)
      guard time.seconds > 0 else {
        throw Wrong("'--timeout' is \(quoted(value)); it is at least 1s")
      }
      timeout = time
    case .wait:
      let time = try Self.time(value, option)
      guard Duration.seconds(time.seconds) <= RequestWait.longest else {
        throw Wrong("'--wait' is \(quoted(value)); allowed are 0s to \(RequestWait.longest.wholeSeconds)s")
      }
      wait = time
    case .unit:
      guard let unit = UnitName(value.contains(".") ? value : "\(value).service") else {
        throw Wrong("'--unit' is \(quoted(value)); write a unit's name, such as encode.service")
      }
      self.unit = unit
    case .since:
      guard !value.isEmpty else {
        throw Wrong("'--since' is empty; write a time as journalctl(1) reads it, such as '2 days ago'")
      }
      // As TIME is written elsewhere; journalctl reads no such time.
      guard value.utf8.first?.isDigit != true || !value.utf8.allSatisfy(\.isLetterOrDigit) else {
        throw Wrong("'--since' is \(quoted(value)); write a time as journalctl(1) reads it, such as '2 days ago'")
      }
      since = value
    // The command itself is among the words.
    case .exec, .help, .version: break
    }
  }

  private mutating func takeProgram(_ words: CommandWords<Option>) throws {
    if command == .watch { program = words.command.map(Self.texts) }
    if command == .exec {
      program = words.operandsAfterDashes.map(Self.texts)
      roles.removeLast(min(roles.count, program?.count ?? 0))
      if !words.has(.format) { format = .env }
      let others: [Option] = [.format, .template, .minTTL, .wait, .renew, .endBeforeExpiry]
      if givesURI, let other = others.first(where: { words.has($0) }) {
        throw Wrong("'--uri' and '\(other.rawValue)' don't go together: the command's SDK asks the daemon by itself")
      }
      if dropsProxy, !givesURI { throw Wrong("'--drop-proxy' belongs to '--uri'") }
      if case .signal = renewal, !usesFile {
        throw Wrong(
          "'--renew signal=…' needs a file: variables of a running command can't be changed; add '--format json'")
      }
    }
    guard program?.isEmpty != true else {
      throw Wrong("a command is missing after \(command == .watch ? "'--exec'" : "'--'")")
    }
  }

  /// Leaves the role among the roles.
  private mutating func takePolicyTest() throws {
    guard roles.first == "test", roles.count >= 4 else {
      throw Wrong(
        "'policy' takes 'test', a role's name, an operation and a resource: rolekeeper policy test uploader oss:PutObject 'acs:oss:*:*:bucket/a'"
      )
    }
    policyTest = Array(roles.dropFirst())
    roles = [policyTest[0]]
    if let scope { policyTest[0] += "/\(scope)" }
    let (action, resource) = (policyTest[1], policyTest[2])
    let parts = action.split(separator: ":", omittingEmptySubsequences: false)
    guard parts.count == 2, parts.allSatisfy({ !$0.isEmpty }), !action.contains("*") else {
      throw Wrong("\(quoted(action)) is no operation; write one as SERVICE:OPERATION, such as oss:PutObject")
    }
    guard resource == "*" || resource.hasPrefix("acs:") else {
      throw Wrong(
        "\(quoted(resource)) is no resource; write it as acs:SERVICE:REGION:ACCOUNT:NAME, such as 'acs:oss:*:*:bucket/a', or as '*'"
      )
    }
    for word in policyTest[3...] where word.first == "=" || !word.contains("=") {
      throw Wrong("\(quoted(word)) is no condition; write it as KEY=VALUE, such as acs:SourceIp=192.0.2.7")
    }
  }

  private static func texts(_ words: [[UInt8]]) -> [String] { words.map { String(decoding: $0, as: UTF8.self) } }

  private static func path(_ value: String, _ option: Option) throws -> String {
    guard !value.isEmpty else { throw Wrong("'\(option.rawValue)' is empty; write a path") }
    return value
  }

  /// The name of a role or a source.
  private static func name(_ value: String, _ option: Option) throws -> String {
    guard RoleName(value) != nil else {
      throw Wrong("'\(option.rawValue)' is \(quoted(value)); names are \(RoleName.rule)")
    }
    return value
  }

  private mutating func takeKeyFile() throws {
    guard roles.count == 2, roles[0] == "test", !roles[1].isEmpty else {
      throw Wrong("'source' takes 'test' and a file with an AccessKey: rolekeeper source test FILE")
    }
    keyFile = roles[1]
    roles = []
  }

  private static func time(_ value: String, _ option: Option) throws -> WrittenTime {
    guard let time = WrittenTime(value) else {
      throw Wrong(
        "'\(option.rawValue)' is \(quoted(value)); write a time such as 90s, 30min, 2h or 1h30min")
    }
    return time
  }

  private static func unknown(_ name: String, of command: Command) -> Wrong {
    let own = Option.allCases.filter { $0.commands.contains(command) }.map(\.rawValue)
    let hint =
      Spelling.nearest(to: name, among: own).map { "did you mean '\($0)'?" }
      ?? "see 'rolekeeper \(command.rawValue) --help'"
    return Wrong("'\(command.rawValue)' has no option \(quoted(name)); \(hint)")
  }

  private static func isOfID(_ byte: UInt8) -> Bool { byte.isLetterOrDigit || ".-_".utf8.contains(byte) }

  /// The last word must be an AccessKeyId, since it is sent in the request as it is.
  private mutating func takeAccessKeyID() throws {
    guard let id = roles.popLast() else { return }
    guard id.hasPrefix("STS."), id.utf8.allSatisfy({ Self.isOfID($0) }) else {
      throw Wrong(
        "\(quoted(id)) can't be a session's AccessKeyId: STS. and letters, digits, '.', '-' or '_'")
    }
    accessKeyID = id
  }

  private mutating func checkRoles() throws {
    switch command {
    case .exec:
      guard roles.count == 1, program != nil else {
        throw Wrong("'exec' takes one role's name, and a command after '--': rolekeeper exec uploader -- CMD")
      }
    case .get, .refresh, .watch, .policy:
      guard roles.count == 1 else { throw Wrong("'\(command.rawValue)' takes one role's name") }
    case .report:
      guard (1...2).contains(roles.count) else {
        throw Wrong("'report' takes one role's name, and the AccessKeyId of a session of it or none")
      }
      if roles.count == 2 { try takeAccessKeyID() }
    case .wait:
      guard !roles.isEmpty else { throw Wrong("'wait' takes the names of one or more roles") }
    case .status:
      guard roles.count <= 1 else { throw Wrong("'status' takes one role's name, or none for all") }
    case .whoHad:
      guard (unit == nil) == (roles.count == 1), roles.count <= 1 else {
        throw Wrong("'who-had' takes the AccessKeyId of a session, or '--unit' with a unit's name")
      }
      try takeAccessKeyID()
    case .source: break
    case .check, .doctor, .reload:
      guard roles.isEmpty else { throw Wrong("'\(command.rawValue)' takes no \(quoted(roles[0]))") }
    }
    // A name is sent in the request as it is, so invalid ones are refused here.
    for role in roles where RoleName(role) == nil {
      throw Wrong(
        "\(quoted(role)) can't be a role's name; names are \(RoleName.rule)")
    }
  }
}

/// What the command line requests.
enum Invocation {
  case help(Command?)
  /// No word at all: prints the help, and ends with an error status.
  case nothing
  case version
  case command(Arguments)

  init(_ words: [String]) throws {
    let sorted = try CommandWords<Option>(words.map { Array($0.utf8) })
    if sorted.has(.version) {
      self = .version
      return
    }
    if words.isEmpty {
      self = .nothing
      return
    }
    let operands = sorted.operands.prefix(2).map { String(decoding: $0, as: UTF8.self) }
    let isHelp = operands.first == "help"
    guard let word = operands.dropFirst(isHelp ? 1 : 0).first, word != "help" else {
      guard isHelp || sorted.has(.help) else {
        if let unknown = sorted.unknownOption { throw Self.unknownOption(unknown) }
        throw Arguments.Wrong("a command is missing; see 'rolekeeper --help'")
      }
      self = .help(nil)
      return
    }
    // The word after an unknown option may be its value.
    if let unknown = sorted.unknownOption, Command(rawValue: word) == nil { throw Self.unknownOption(unknown) }
    let command = try Self.command(word)
    self = isHelp || sorted.has(.help) ? .help(command) : .command(try Arguments(command, sorted))
  }

  private static func command(_ word: String) throws -> Command {
    if let command = Command(rawValue: word) { return command }
    let names = Command.allCases.map(\.rawValue)
    let hint =
      Spelling.nearest(to: word, among: names + ["help"]).map { "did you mean '\($0)'?" }
      ?? "commands are \(names.joined(separator: ", "))"
    throw Arguments.Wrong("unknown command \(quoted(word)); \(hint)")
  }

  private static func unknownOption(_ name: String) -> Arguments.Wrong {
    let near = Spelling.nearest(to: name, among: Option.allCases.map(\.rawValue))
    let hint = near.map { "did you mean '\($0)'?" } ?? "see 'rolekeeper --help'"
    return Arguments.Wrong("there is no option \(quoted(name)); \(hint)")
  }
}
