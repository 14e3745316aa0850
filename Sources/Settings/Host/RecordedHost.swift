import Core

/// A host whose settings files are those of an earlier reading. Everything else is the real host's, for example its
/// users.
struct RecordedHost: Host {
  private let host: any Host
  private let files: [String: [UInt8]]
  private let directories: [String: [String]]
  /// The recorded files and every directory above one of them.
  private let known: [String: FileStatus]

  init(_ content: SettingsContent, on host: any Host) {
    self.host = host
    files = Dictionary(content.files.map { ($0.path, $0.bytes) }) { first, _ in first }
    directories = Dictionary(content.directories.map { ($0.path, $0.names) }) { first, _ in first }
    var known: [String: FileStatus] = [:]
    for path in files.keys.map(\.self) + directories.keys {
      var above = PathText.directory(of: path)
      while known[above] == nil {
        known[above] = FileStatus(kind: .directory, uid: 0, gid: 0, mode: 0o755)
        above = PathText.directory(of: above)
      }
    }
    for path in directories.keys { known[path] = FileStatus(kind: .directory, uid: 0, gid: 0, mode: 0o755) }
    // They were checked when they were read, and nobody can have changed the record since.
    for path in files.keys { known[path] = FileStatus(kind: .file, uid: 0, gid: 0, mode: 0o600) }
    self.known = known
  }

  func status(of path: String) throws(HostError) -> FileStatus {
    if let status = known[path] { return status }
    return try host.status(of: path)
  }

  func realPath(of path: String) throws(HostError) -> String {
    if known[path] != nil { return path }
    return try host.realPath(of: path)
  }

  func read(_ path: String, limit: Int) throws(HostError) -> (status: FileStatus, bytes: [UInt8]) {
    guard let bytes = files[path], let status = known[path] else { return try host.read(path, limit: limit) }
    return (status, bytes)
  }

  /// A directory that wasn't recorded didn't exist.
  func names(in directory: String) throws(HostError) -> [String] {
    guard let names = directories[directory] else { throw .missing }
    return names
  }

  var name: String { host.name }
  var uid: UInt32 { host.uid }
  var gid: UInt32 { host.gid }
  var workingDirectory: String { host.workingDirectory }
  var credentialsDirectory: String? { host.credentialsDirectory }
  var resolverOptions: String? { host.resolverOptions }
  func user(named name: String) throws(HostError) -> HostUser? { try host.user(named: name) }
  func user(uid: UInt32) throws(HostError) -> HostUser? { try host.user(uid: uid) }
  func group(named name: String) throws(HostError) -> HostGroup? { try host.group(named: name) }
  func group(gid: UInt32) throws(HostError) -> HostGroup? { try host.group(gid: gid) }
  func groups(of user: HostUser) -> Set<UInt32> { host.groups(of: user) }
  func mayWrite(to directory: String) -> Bool { host.mayWrite(to: directory) }
}
