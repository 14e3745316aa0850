import Core

/// `rolekeeper.service` as it is installed, with its drop-ins: which user runs the daemon, which credentials it gets,
/// and which part of the file system it sees.
///
/// It is read from the files, not requested from systemd. So it is what the next start will use, after a
/// `daemon-reload`, and it also works where systemd doesn't run, for example while an image is built.
package struct InstalledUnit: Hashable, Sendable {
  /// A credential that the unit passes to the daemon.
  package enum Credential: Hashable, Sendable {
    /// `LoadCredential=NAME:PATH`.
    case file(String)
    /// It is encrypted, written in the unit itself, or searched for in systemd's credential stores: it isn't checked.
    case other
  }

  /// How `systemctl reload` finds the daemon's socket.
  enum ReloadSocket: Hashable, Sendable {
    /// By the unit's environment, or by the default path.
    case environment(String)
    /// By an option in the unit's ExecReload=.
    case option(String)
    /// ExecReload= is another command, or its environment comes from elsewhere.
    case unknown
  }

  /// The unit file.
  package let path: String
  /// The path of the settings with which it starts the daemon.
  package let configPath: String
  /// Nil for root.
  package let user: String?
  package let credentials: [String: Credential]
  let reloadSocket: ReloadSocket
  /// Whether systemd waits for the daemon to be ready.
  let reportsReady: Bool
  let view: UnitView
  /// Whether it sees no other users' processes (systemd.exec(5), ProtectProc=): ptraceable shows none either.
  let hidesProcesses: Bool
  /// Whether the daemon can give a file to another user or group: whether it has CAP_CHOWN (capabilities(7)). Only root
  /// has it without `AmbientCapabilities=`.
  let changesOwners: Bool
  /// Whether the daemon may ask the kernel about sockets (systemd.exec(5), RestrictAddressFamilies=).
  let opensNetlink: Bool

  /// The file from which `LoadCredential=` takes the credential with this name; nil if the unit names no file for it.
  func file(ofCredential name: String) -> String? {
    if case .file(let path)? = credentials[name] { path } else { nil }
  }

  /// Nil if no unit can be read, or if it is masked.
  package init?(on host: some Host) {
    guard let unit = UnitFiles(host: host).unit(RolekeeperUnit.service, section: "Service") else { return nil }
    self.init(unit.text, path: unit.path)
  }

  /// The name of the credential that the shipped unit passes, from /etc/rolekeeper/access-key.
  package static let shippedCredential = "access-key"
  /// The placeholder in the unit's SetCredential=, which systemd passes if the credential's file doesn't exist (systemd.exec(5)).
  package static let missingCredential = "missing"

  /// The unit that this process, with the settings at `configPath`, is the daemon of; nil if there is none that can be
  /// read.
  static func running(on host: some Host, with configPath: String) -> InstalledUnit? {
    // systemd names a service's control group after the unit; a line is `ID:CONTROLLERS:PATH` (proc(5), cgroups(7)).
    // Without /proc there is no systemd.
    let groups = (try? host.read("/proc/self/cgroup", limit: 1 << 16)).map { String(decoding: $0.bytes, as: UTF8.self) }
    guard groups?.split(separator: "\n").contains(where: { $0.hasSuffix("/\(RolekeeperUnit.service)") }) ?? false,
      let unit = InstalledUnit(on: host)
    else { return nil }
    return unit.starts(with: configPath, on: host) ? unit : nil
  }

  /// Whether it starts the daemon with the settings at `path`. If no file is there, the paths are compared as text.
  package func starts(with path: String, on host: some Host) -> Bool {
    configPath == path || (try? host.realPath(of: path) == host.realPath(of: configPath)) ?? false
  }

  init(_ unit: UnitText, path: String) {
    self.path = path
    configPath = Self.configPath(in: unit.words("ExecStart"))
    let user = unit.value("User")
    self.user = user == "root" || user == "0" ? nil : user
    var credentials: [String: Credential] = [:]
    for key in ["LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted", "LoadCredential"] {
      for value in unit.values(key) {
        let parts = value.split(separator: ":", maxSplits: 1).map(String.init)
        guard let name = parts.first else { continue }
        // The placeholder isn't a key.
        if key == "SetCredential", parts.last == Self.missingCredential { continue }
        let isFile = key == "LoadCredential" && parts.count == 2 && parts[1].hasPrefix("/")
        credentials[name] = isFile ? .file(parts[1]) : .other
      }
    }
    self.credentials = credentials
    reloadSocket = Self.reloadSocket(in: unit)
    reportsReady = ["notify", "notify-reload"].contains(unit.value("Type"))
    view = UnitView(unit)
    hidesProcesses = unit.value("ProtectProc").map { $0 != "default" } ?? false
    opensNetlink = unit.opensAddressFamily("AF_NETLINK")
    let isInAmbient = unit.hasCapability("CAP_CHOWN", in: "AmbientCapabilities") ?? false
    changesOwners =
      (unit.hasCapability("CAP_CHOWN", in: "CapabilityBoundingSet") ?? true) && (self.user == nil || isInAmbient)
  }

  private static func reloadSocket(in unit: UnitText) -> ReloadSocket {
    let words = unit.words("ExecReload")
    guard words.contains(where: { $0 == "rolekeeper" || $0.hasSuffix("/rolekeeper") }), words.contains("reload") else {
      return .unknown
    }
    if let path = option("--socket", in: words) { return .option(path) }
    if ["EnvironmentFile", "PassEnvironment", "UnsetEnvironment"].contains(where: { !unit.values($0).isEmpty }) {
      return .unknown
    }
    let lines = unit.values("Environment")
    if let path = UnitVariable.value("ROLEKEEPER_SOCKET", in: lines) { return .environment(path) }
    // If the variable is written in a form that can't be read, it may have any value.
    return lines.contains { $0.contains("ROLEKEEPER_SOCKET") }
      ? .unknown : .environment(Schema.Socket.path.standard ?? "")
  }

  private static func configPath(in words: [String]) -> String {
    option("--config", in: words) ?? StandardPath.settings
  }

  private static func option(_ name: String, in words: [String]) -> String? {
    for (index, word) in words.enumerated() {
      if word == name, index + 1 < words.count { return words[index + 1] }
      if word.hasPrefix("\(name)=") { return String(word.dropFirst(name.count + 1)) }
    }
    return nil
  }
}
