import CommandInterface

/// The options, as they are typed.
enum Option: String, CaseIterable, CommandOption {
  case socket = "--socket"
  case json = "--json"
  case watch = "--watch"
  case check = "--check"
  case format = "--format"
  case field = "--field"
  case template = "--template"
  case output = "--output"
  case scope = "--scope"
  case minTTL = "--min-ttl"
  case wait = "--wait"
  case timeout = "--timeout"
  case config = "--config"
  case allowRemoval = "--allow-removal"
  case printPolkit = "--print-polkit"
  case printPolicy = "--print-policy"
  case online = "--online"
  case role = "--role"
  case source = "--source"
  case asUser = "--as"
  case unit = "--unit"
  case since = "--since"
  case exec = "--exec"
  case renew = "--renew"
  case endBeforeExpiry = "--end-before-expiry"
  case uri = "--uri"
  case dropProxy = "--drop-proxy"
  case help = "--help"
  case version = "--version"

  /// The commands that take it.
  var commands: [Command] {
    switch self {
    case .help, .version: Command.allCases
    case .socket: Command.allCases.filter { ![.source, .whoHad, .policy].contains($0) }
    case .json: [.status, .watch, .check, .source, .doctor]
    case .watch, .check: [.status]
    case .field, .output: [.get]
    case .format, .template, .wait: [.get, .exec]
    case .minTTL: [.get, .wait, .exec]
    case .scope: [.get, .watch, .exec, .report, .policy]
    case .exec: [.watch]
    case .renew, .endBeforeExpiry, .uri, .dropProxy: [.exec]
    case .timeout: Command.allCases.filter { ![.check, .policy, .source, .doctor, .whoHad].contains($0) }
    case .config: [.check, .policy, .source, .doctor]
    case .role: [.check, .source]
    case .asUser: [.doctor]
    case .online, .printPolkit, .printPolicy: [.check]
    case .source: [.source]
    case .allowRemoval: [.reload]
    case .unit, .since: [.whoHad]
    }
  }

  /// Whether a value belongs to it: the next word, or what follows `=`.
  var takesValue: Bool {
    switch self {
    case .socket, .format, .field, .template, .output, .scope, .minTTL, .wait, .timeout, .config, .unit, .since, .renew,
      .role, .source, .asUser:
      true
    case .json, .watch, .check, .allowRemoval, .printPolkit, .printPolicy, .online, .exec, .endBeforeExpiry, .uri,
      .dropProxy, .help, .version:
      false
    }
  }

  /// Whether all words after it are a command and its arguments.
  var endsOptions: Bool { self == .exec }

  init?(name: String) {
    let written = name == "-h" ? "--help" : name
    // Not by `init(rawValue:)`: for more than 16 cases that makes a table at its first call, and each `get` is a new process.
    guard let option = Self.allCases.first(where: { $0.rawValue == written }) else { return nil }
    self = option
  }
}
