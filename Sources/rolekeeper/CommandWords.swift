/// The options, as they are typed.
enum Option: String, CaseIterable {
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

/// The words of the command line sorted: options with their values, and the rest. After `--` every word belongs to the rest.
struct CommandWords {
  private(set) var options: [(option: Option, value: String)] = []
  /// The command first, then what it is about.
  private(set) var operands: [String] = []
  /// The first word that looks like an option and is none.
  private(set) var unknownOption: String?

  init(_ words: [String]) throws {
    var rest = words[...]
    while let word = rest.popFirst() {
      if word == "--" {
        operands += rest
        return
      }
      guard word.hasPrefix("-"), word != "-" else {
        operands.append(word)
        continue
      }
      try take(word, &rest)
    }
  }

  func has(_ option: Option) -> Bool { options.contains { $0.option == option } }

  private mutating func take(_ word: String, _ rest: inout ArraySlice<String>) throws {
    let equals = word.firstIndex(of: "=") ?? word.endIndex
    let name = String(word[..<equals])
    let ownValue = equals < word.endIndex ? String(word[word.index(after: equals)...]) : nil
    guard let option = Option(name: name) else {
      unknownOption = unknownOption ?? name
      return
    }
    guard option.takesValue else {
      guard ownValue == nil else { throw Arguments.Wrong(description: "'\(option.rawValue)' takes no value") }
      options.append((option, ""))
      return
    }
    guard let value = ownValue ?? rest.popFirst() else {
      throw Arguments.Wrong(description: "'\(option.rawValue)' needs a value")
    }
    options.append((option, value))
  }
}
