/// What the few options of the daemon ask for.
enum Invocation {
  case run(config: String)
  case check(config: String, user: String?)
  case version
  case help
  case wrong(String)

  static let defaultConfig = "/etc/rolekeeper/rolekeeper.toml"

  static let usage = """
    usage: rolekeeperd [--config FILE] [--check [--user NAME]]

      --config FILE  the settings; default \(defaultConfig)
      --check        report on stdout what is wrong with the settings, and whether the AccessKeys can be used, and exit; as root
                     it judges as the daemon's user and looks at the AccessKey that the unit's LoadCredential= names
      --user NAME    with --check by root: judge as this user; default the installed unit's, or rolekeeper
      --version      print the version and exit
      --help         print this and exit

    exit status: 0 clean shutdown, or the settings can be used (perhaps with warnings); 1 failed; 2 wrong usage; 78 the
    settings, or an AccessKey with --check, can't be used
    """

  init(_ words: [String]) {
    var config = Self.defaultConfig
    var isCheck = false
    var user: String?
    var rest = words[...]
    while let word = rest.popFirst() {
      switch word {
      case "--check": isCheck = true
      case "--version":
        self = .version
        return
      case "-h", "--help":
        self = .help
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
    self = isCheck ? .check(config: config, user: user) : .run(config: config)
  }
}
