import Core

/// What the daemon's command line requests.
enum Invocation {
  case run(config: String, isStrict: Bool)
  case check(config: String, user: String?)
  case printPolkit(config: String, user: String?)
  case printPolicies(config: String, user: String?)
  /// For `rolekeeper policy test`, whose words follow: `--policy-test ROLE[/SCOPE] ACTION RESOURCE [KEY=VALUE]…` isn't in the help.
  case testPolicy(config: String, user: String?, words: [String])
  /// The unit's ExecStopPost=, of no use to people: `--stopped UNIT` isn't in the help.
  case stopped(unit: String)
  case version
  case help
  case wrong(String)

  static let usage = """
    usage: rolekeeperd [--config FILE] [--strict] [--check [--user NAME] [--print-polkit | --print-policy]]

    Keeps temporary Alibaba Cloud credentials for the programs of this host; 'rolekeeper --help' says how to get them.

      --config FILE   the settings; default \(StandardPath.settings)
      --strict        exit with 78 if the settings can't be used, also where systemd passed a socket, which would
                      otherwise be served to answer what is wrong, or where an earlier process left good ones
      --check         check the settings and the AccessKeys without asking STS, report on stdout what is wrong, and exit;
                      when root runs it, they are checked as the daemon's user, and so is the AccessKey that the unit's
                      LoadCredential= names
      --user NAME     with --check, as root: check as this user; default the installed unit's user, or else rolekeeper
      --print-polkit  with --check: print instead the polkit rule that lets the daemon reload the units in refresh_units
      --print-policy  with --check: print instead the least policies in RAM with which the settings work, each as a line of
                      JSON; what each one is for is on stderr
      --version       print the version and exit
      --help          print this help and exit

    Exit status:
       0  shut down cleanly; with --check: the daemon can use the settings; there may be warnings
       1  failed for another reason than the settings, which stderr or the journal names; with --check: the settings couldn't
          be checked, or stdout can't be written
       2  wrong usage
      78  the daemon can't use the settings; with --check: the settings, or an AccessKey
    """

  init(_ words: [String]) {
    var config = StandardPath.settings
    var isCheck = false
    var isStrict = false
    var isPolkit = false
    var isPolicy = false
    var question: [String]?
    var user: String?
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "--check": isCheck = true
      case "--strict": isStrict = true
      case "--print-polkit": isPolkit = true
      case "--print-policy": isPolicy = true
      case "--policy-test":
        question = Array(rest)
        rest = []
      case "--version":
        self = .version
        return
      case "-h", "--help":
        self = .help
        return
      case "--stopped":
        guard let unit = rest.popFirst() else {
          self = .wrong("'--stopped' needs the unit's name")
          return
        }
        self = .stopped(unit: unit)
        return
      case "--config", "--user":
        guard let value = rest.popFirst() else {
          self = .wrong("'\(word)' needs a value")
          return
        }
        if word == "--config" { config = value } else { user = value }
      case _ where word.hasPrefix("--config="): config = String(word.dropFirst("--config=".count))
      default:
        self = .wrong("there is no option '\(word)'")
        return
      }
    }
    guard isCheck || user == nil else {
      self = .wrong("'--user' goes with '--check'")
      return
    }
    let others: [(String, Invocation)] =
      (isPolkit ? [("--print-polkit", .printPolkit(config: config, user: user))] : [])
      + (isPolicy ? [("--print-policy", .printPolicies(config: config, user: user))] : [])
      + (question.map { [("--policy-test", .testPolicy(config: config, user: user, words: $0))] } ?? [])
    if others.count > 1 {
      self = .wrong("'\(others[0].0)' and '\(others[1].0)' don't go together")
    } else if let other = others.first {
      self = isCheck ? other.1 : .wrong("'\(other.0)' goes with '--check'")
    } else {
      self = isCheck ? .check(config: config, user: user) : .run(config: config, isStrict: isStrict)
    }
  }
}
