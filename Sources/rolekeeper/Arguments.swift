import Core

/// The command line as it was typed, sorted by one table of commands.
///
/// A parser of our own, since `get` is run by SDKs on every refresh: the usual library looks up its types at run time, which
/// takes longer than all the rest.
struct Arguments {
  enum Command: String, CaseIterable {
    case status, get, wait, check, reload, refresh
  }

  enum Format: String {
    case json, env
  }

  var command = Command.status
  var socket: String?
  var roles: [String] = []
  var format = Format.json
  var minTTLSeconds: Int64?
  var waitSeconds: Int64?
  var timeoutSeconds: Int64 = 60
  var config: String?
  var isJSON = false
  var isWatching = false
  /// Of `reload`: whether roles, readers or files may vanish from a settings file that is still there.
  var allowsRemoval = false

  struct Wrong: Error, CustomStringConvertible {
    let description: String
  }

  fileprivate init(_ words: [String]) throws {
    var rest = words[...]
    var named: Command?
    while let word = rest.popFirst() {
      switch word {
      case _ where word.hasPrefix("-") && word != "-": try take(option: word, for: named, from: &rest)
      case _ where named == nil:
        guard let command = Command(rawValue: word) else {
          let names = Command.allCases.map(\.rawValue).joined(separator: ", ")
          throw Wrong(description: "unknown command '\(word)'; commands are \(names)")
        }
        named = command
      default: roles.append(word)
      }
    }
    guard let named else { throw Wrong(description: "a command is missing; see rolekeeper --help") }
    command = named
    try checkRoles()
  }

  private mutating func take(option word: String, for command: Command?, from rest: inout ArraySlice<String>) throws {
    let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
    let name = String(parts[0])
    func value() throws -> String {
      if parts.count == 2 { return String(parts[1]) }
      guard let next = rest.popFirst() else { throw Wrong(description: "'\(name)' needs a value") }
      return next
    }
    func seconds() throws -> Int64 {
      let text = try value()
      guard let seconds = Duration(text: text)?.wholeSeconds else {
        throw Wrong(description: "'\(name)' is '\(text)'; write a time such as 90s, 30min, 2h or 1h30min")
      }
      return seconds
    }
    switch (name, command) {
    case ("--socket", _): socket = try value()
    case ("--json", .status): isJSON = true
    case ("--watch", .status): isWatching = true
    case ("--format", .get):
      let text = try value()
      guard let format = Format(rawValue: text) else {
        throw Wrong(description: "'--format' is '\(text)'; formats are json and env")
      }
      self.format = format
    case ("--min-ttl", .get): minTTLSeconds = try seconds()
    case ("--wait", .get): waitSeconds = try seconds()
    case ("--timeout", .wait): timeoutSeconds = try seconds()
    case ("--allow-removal", .reload): allowsRemoval = true
    case ("--config", .check): config = try value()
    default:
      let of = command.map { "'\($0.rawValue)' has no" } ?? "there is no"
      throw Wrong(
        description: "\(of) option '\(name)'; see rolekeeper \(command.map { "\($0.rawValue) " } ?? "")--help")
    }
  }

  private func checkRoles() throws {
    switch command {
    case .get, .refresh:
      guard roles.count == 1 else { throw Wrong(description: "'\(command.rawValue)' takes one role's name") }
    case .wait:
      guard !roles.isEmpty else { throw Wrong(description: "'wait' takes the names of one or more roles") }
    case .status, .check, .reload:
      guard roles.isEmpty else { throw Wrong(description: "'\(command.rawValue)' takes no '\(roles[0])'") }
    }
  }
}

/// What the words ask for.
enum Invocation {
  case help(Arguments.Command?)
  case version
  case command(Arguments)

  init(_ words: [String]) throws {
    if words.contains("--version") {
      self = .version
    } else if words.contains("--help") || words.contains("-h") || words.isEmpty {
      self = .help(words.compactMap(Arguments.Command.init).first)
    } else {
      self = .command(try Arguments(words))
    }
  }
}
