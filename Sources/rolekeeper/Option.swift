import CommandInterface

/// The options, as they are typed.
enum Option: String, CaseIterable, CommandOption {
  case socket = "--socket"
  case json = "--json"
  case watch = "--watch"
  case check = "--check"
  case format = "--format"
  case minTTL = "--min-ttl"
  case wait = "--wait"
  case timeout = "--timeout"
  case config = "--config"
  case allowRemoval = "--allow-removal"
  case printPolkit = "--print-polkit"
  case unit = "--unit"
  case since = "--since"
  case help = "--help"
  case version = "--version"

  /// The commands that take it.
  var commands: [Command] {
    switch self {
    case .help, .version: Command.allCases
    case .socket: Command.allCases.filter { $0 != .whoHad }
    case .json, .watch, .check: [.status]
    case .format, .wait: [.get]
    case .minTTL: [.get, .wait]
    case .timeout: Command.allCases.filter { ![.check, .whoHad].contains($0) }
    case .config, .printPolkit: [.check]
    case .allowRemoval: [.reload]
    case .unit, .since: [.whoHad]
    }
  }

  /// Whether a value belongs to it: the next word, or what follows `=`.
  var takesValue: Bool {
    switch self {
    case .socket, .format, .minTTL, .wait, .timeout, .config, .unit, .since: true
    case .json, .watch, .check, .allowRemoval, .printPolkit, .help, .version: false
    }
  }

  init?(name: String) {
    self.init(rawValue: name == "-h" ? "--help" : name)
  }
}
