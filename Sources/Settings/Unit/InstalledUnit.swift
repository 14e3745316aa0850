import Core

/// `rolekeeper.service` as it is installed, with its drop-ins: who the daemon will be, which credentials it gets, and what it
/// sees of the file system.
///
/// It is read from the files and not asked of systemd, so it is what the next start will have, a `daemon-reload` included; and
/// it works where no systemd runs, as while an image is built.
package struct InstalledUnit: Hashable, Sendable {
  package static let name = "rolekeeper.service"

  /// A credential that the unit passes to the daemon.
  package enum Credential: Hashable, Sendable {
    /// `LoadCredential=NAME:PATH`.
    case file(String)
    /// Encrypted, written in the unit itself, or searched for in systemd's credential stores: not for us to look into.
    case other
  }

  /// Where `systemctl reload` looks for the daemon.
  enum ReloadSocket: Hashable, Sendable {
    /// As the unit's environment says, the default path included.
    case environment(String)
    /// As an option in the unit's ExecReload= says.
    case option(String)
    /// It reloads in another way, or its environment comes from elsewhere.
    case unknown
  }

  /// The unit file.
  package let path: String
  /// The settings that it starts the daemon with.
  package let configPath: String
  /// nil for root.
  package let user: String?
  package let credentials: [String: Credential]
  let reloadSocket: ReloadSocket
  /// Whether systemd waits for the daemon to be ready.
  let reportsReady: Bool
  let view: UnitView
  /// Whether it sees no other users' processes (systemd.exec(5), ProtectProc=): ptraceable shows none either.
  let hidesProcesses: Bool

  /// From which `LoadCredential=` takes the credential of that name; nil when that isn't a file it names.
  func file(ofCredential name: String) -> String? {
    if case .file(let path)? = credentials[name] { path } else { nil }
  }

  /// nil when there is none that can be read, also when it is masked.
  package init?(on host: some Host) {
    guard let unit = UnitFiles(host: host).unit(Self.name, section: "Service") else { return nil }
    self.init(unit.text, path: unit.path)
  }

  /// What the unit's SetCredential= has for a credential whose file isn't there as the unit starts (systemd.exec(5)).
  /// The name of the credential that the shipped unit passes, of /etc/rolekeeper/access-key.
  package static let shippedCredential = "access-key"
  package static let missingCredential = "missing"

  /// The unit that this process is the daemon of, with the settings at `configPath`; nil where it isn't run by one that can be read.
  static func running(on host: some Host, with configPath: String) -> InstalledUnit? {
    // proc(5), cgroups(7): `ID:CONTROLLERS:PATH`, and systemd names a service's group as the unit. Without /proc there is no systemd.
    let groups = (try? host.read("/proc/self/cgroup", limit: 1 << 16)).map { String(decoding: $0.bytes, as: UTF8.self) }
    guard groups?.split(separator: "\n").contains(where: { $0.hasSuffix("/\(name)") }) ?? false,
      let unit = InstalledUnit(on: host)
    else { return nil }
    return unit.starts(with: configPath, on: host) ? unit : nil
  }

  /// Whether it starts the daemon with the settings at `path`; one that isn't there is the same by its text alone.
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
        // That isn't passed as a key.
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
    // One that can't be read isn't none.
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
