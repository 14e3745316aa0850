/// What the few options of the daemon ask for.
enum Invocation {
  case run(config: String)
  case check(config: String)
  case version
  case help
  case wrong(String)

  static let defaultConfig = "/etc/rolekeeper/rolekeeper.toml"

  static let usage = """
    usage: rolekeeperd [--config FILE] [--check]

      --config FILE  the settings; default \(defaultConfig)
      --check        say what is wrong with the settings, and whether the AccessKeys can be read, and exit
      --version      print the version and exit
      --help         print this and exit

    exit status: 0 ended as told, or nothing wrong; 1 failed; 2 wrong usage; 78 bad settings
    """

  init(_ words: [String]) {
    var config = Self.defaultConfig
    var isCheck = false
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
      case "--config":
        guard let path = rest.popFirst() else {
          self = .wrong("'--config' needs a file")
          return
        }
        config = path
      case _ where word.hasPrefix("--config="): config = String(word.dropFirst("--config=".count))
      default:
        self = .wrong("there is no option '\(word)'")
        return
      }
    }
    self = isCheck ? .check(config: config) : .run(config: config)
  }
}
