/// The part of the file system that the processes of a unit see (systemd.exec(5), "Sandboxing" and "Paths").
struct UnitView: Hashable, Sendable {
  /// How the unit's processes see a directory.
  enum Access: Hashable, Sendable {
    /// As outside, subject to its permissions.
    case writable
    case readOnly
    /// The processes see another directory there, or none: files written there aren't visible outside. `by` is the
    /// setting that causes it.
    case hidden(by: String)
  }

  private struct Rule: Hashable, Sendable {
    let path: String
    let access: Access
  }

  /// Of nested paths, the longest applies; of equal ones, the last.
  private var rules: [Rule] = []
  /// Directories that systemd creates at the start and gives to the daemon's user.
  private var made: [String] = []
  /// The first directory of `RuntimeDirectory=`, whose path the daemon gets; nil without any.
  private(set) var runtimeDirectory: String?
  /// Everything below these is inaccessible, whatever other settings open.
  private var inaccessible: [Rule] = []

  init(_ unit: UnitText) {
    addSystem(unit)
    addHome(unit)
    if Self.isOn(unit.value("PrivateTmp")) || unit.value("PrivateTmp") == "disconnected" {
      for path in ["/tmp", "/var/tmp"] { add(path, .hidden(by: "PrivateTmp=")) }
    }
    if Self.isOn(unit.value("PrivateDevices")) { add("/dev", .hidden(by: "PrivateDevices=")) }
    for path in Self.paths(unit, "TemporaryFileSystem") { add(path, .hidden(by: "TemporaryFileSystem=")) }
    for path in Self.paths(unit, "ReadOnlyPaths") { add(path, .readOnly) }
    for path in Self.paths(unit, "BindReadOnlyPaths", isMapping: true) { add(path, .readOnly) }
    for path in Self.paths(unit, "ReadWritePaths") + Self.paths(unit, "BindPaths", isMapping: true) {
      add(path, .writable)
    }
    for (key, root) in [
      ("RuntimeDirectory", "/run"), ("StateDirectory", "/var/lib"), ("CacheDirectory", "/var/cache"),
      ("LogsDirectory", "/var/log"), ("ConfigurationDirectory", "/etc"),
    ] {
      for word in unit.words(key) {
        let path = "\(root)/\(word.prefix { $0 != ":" })"
        add(path, .writable)
        made.append(path)
        if key == "RuntimeDirectory", runtimeDirectory == nil { runtimeDirectory = path }
      }
    }
    for path in Self.paths(unit, "InaccessiblePaths") { hide(path, by: "InaccessiblePaths=") }
  }

  /// Whether systemd creates `directory` for the daemon, so that it needn't exist before the start. Directories inside
  /// it aren't created.
  func isMadeBySystemd(_ directory: String) -> Bool {
    made.contains(directory) && access(to: directory) == .writable
  }

  /// Whether it is inside a directory that systemd creates for the daemon.
  func isInsideMade(_ directory: String) -> Bool {
    made.contains { directory != $0 && Self.contains($0, directory) } && access(to: directory) == .writable
  }

  func access(to directory: String) -> Access {
    if let rule = inaccessible.first(where: { Self.contains($0.path, directory) }) { return rule.access }
    return rules.enumerated().filter { Self.contains($0.element.path, directory) }
      .max { ($0.element.path.utf8.count, $0.offset) < ($1.element.path.utf8.count, $1.offset) }?
      .element.access ?? .writable
  }

  private mutating func addSystem(_ unit: UnitText) {
    let system = unit.value("ProtectSystem") ?? "no"
    if system == "strict" {
      add("/", .readOnly)
      for path in ["/dev", "/proc", "/sys"] { add(path, .writable) }
    } else if system == "full" || Self.isOn(system) {
      for path in ["/usr", "/boot", "/efi"] + (system == "full" ? ["/etc"] : []) { add(path, .readOnly) }
    }
  }

  private mutating func addHome(_ unit: UnitText) {
    for path in ["/home", "/root", "/run/user"] {
      switch unit.value("ProtectHome") ?? "no" {
      case "read-only": add(path, .readOnly)
      case "tmpfs": add(path, .hidden(by: "ProtectHome="))
      case let value where Self.isOn(value): hide(path, by: "ProtectHome=")
      default: break
      }
    }
  }

  private mutating func add(_ path: String, _ access: Access) { rules.append(Rule(path: path, access: access)) }

  private mutating func hide(_ path: String, by setting: String) {
    inaccessible.append(Rule(path: path, access: .hidden(by: setting)))
  }

  /// The absolute paths of a list, without the prefixes `-` (may be missing) and `+`; of `SOURCE:DESTINATION`, the
  /// destination.
  private static func paths(_ unit: UnitText, _ key: String, isMapping: Bool = false) -> [String] {
    unit.words(key).compactMap { word in
      let parts = word.drop { $0 == "-" || $0 == "+" }.split(separator: ":").map(String.init)
      return (isMapping && parts.count > 1 ? parts[1] : parts.first).flatMap { PathText.normal($0) }
    }
  }

  private static func contains(_ parent: String, _ path: String) -> Bool {
    parent == "/" || path == parent || path.hasPrefix("\(parent)/")
  }

  private static func isOn(_ value: String?) -> Bool {
    value.map { ["1", "yes", "y", "true", "t", "on"].contains($0.lowercased()) } ?? false
  }
}
