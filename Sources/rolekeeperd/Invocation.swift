import Core

/// What the daemon's command line requests.
enum Invocation {
  case run(config: String, isStrict: Bool)
  case check(config: String, user: String?, online: OnlineRun.Roles?, isJSON: Bool)
  /// For `rolekeeper source test`; not in the help, as all that begins with `rolekeeper`.
  case testSource(file: String, config: String, OnlineRun.Roles, isJSON: Bool)
  /// For `rolekeeper doctor`.
  case doctor(Doctor.Query)
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
    usage: rolekeeperd [--config FILE] [--strict]
           rolekeeperd --check [--config FILE] [--user USER] [--online [--role ROLE…] [--json] | --print-polkit | --print-policy]

    Keeps temporary Alibaba Cloud credentials for the programs of this host; 'rolekeeper --help' says how to get them.

      --config FILE   the settings; default \(StandardPath.settings)
      --strict        exit with 78 if the settings can't be used, also where systemd passed a socket, which would
                      otherwise be served to answer what is wrong, or where an earlier process left good ones
      --check         check the settings and the AccessKeys without asking STS, report on stdout what is wrong, and exit;
                      when root runs it, they are checked as the daemon's user, and so is the AccessKey that the unit's
                      LoadCredential= names
      --user USER     with --check, as root: check as this user; default the installed unit's user, or else rolekeeper
      --online        with --check: then ask STS for a session of each role, and throw it away
      --role ROLE     with --online: ask for this role alone; may be given several times
      --json          with --online: report all findings as one line of JSON
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
       4  with --online: nothing was refused, but not everything could be tried
      77  with --online: STS refuses an AccessKey or a role
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
    var isOnline = false
    var isJSON = false
    var roles = OnlineRun.Roles()
    var keyFile: String?
    var isDoctor = false
    var socket: String?
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
      case "--online": isOnline = true
      case "--json": isJSON = true
      case "--doctor": isDoctor = true
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
      case "--config", "--user", "--role", "--source", "--test-source", "--as", "--socket":
        guard let value = rest.popFirst() else {
          self = .wrong("'\(word)' needs a value")
          return
        }
        switch word {
        case "--config": config = value
        case "--user", "--as": user = value
        case "--socket": socket = value
        case "--role": roles.names.append(value)
        case "--source": roles.source = value
        default: keyFile = value
        }
      case _ where word.hasPrefix("--config="): config = String(word.dropFirst("--config=".count))
      default:
        self = .wrong("there is no option '\(word)'")
        return
      }
    }
    if isDoctor {
      self = .doctor(Doctor.Query(config: config, user: user, socket: socket, isJSON: isJSON))
      return
    }
    if let keyFile {
      self = .testSource(file: keyFile, config: config, roles, isJSON: isJSON)
      return
    }
    guard socket == nil, roles.source == nil else {
      self = .wrong("'--socket' and '--source' go with what 'rolekeeper' runs")
      return
    }
    guard isCheck || user == nil else {
      self = .wrong("'--user' goes with '--check'")
      return
    }
    guard isCheck || !isOnline, isOnline || (roles.names.isEmpty && !isJSON) else {
      self = .wrong(
        isOnline ? "'--online' goes with '--check'" : "'\(isJSON ? "--json" : "--role")' goes with '--online'")
      return
    }
    let others: [(String, Invocation)] =
      (isPolkit ? [("--print-polkit", .printPolkit(config: config, user: user))] : [])
      + (isPolicy ? [("--print-policy", .printPolicies(config: config, user: user))] : [])
      + (isOnline ? [("--online", .check(config: config, user: user, online: roles, isJSON: isJSON))] : [])
      + (question.map { [("--policy-test", .testPolicy(config: config, user: user, words: $0))] } ?? [])
    if others.count > 1 {
      self = .wrong("'\(others[0].0)' and '\(others[1].0)' don't go together")
    } else if let other = others.first {
      self = isCheck ? other.1 : .wrong("'\(other.0)' goes with '--check'")
    } else {
      self =
        isCheck
        ? .check(config: config, user: user, online: nil, isJSON: false) : .run(config: config, isStrict: isStrict)
    }
  }
}
