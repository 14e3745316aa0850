import Core
import Settings

/// A host whose users, groups and files a test defines.
struct FakeHost: Host {
  struct File {
    var text = ""
    var uid: UInt32 = 0
    var gid: UInt32 = 0
    var mode: UInt32 = 0o644
    var isReadable = true
    /// The bytes of the file's ACL.
    var accessList: [UInt8]?

    func status(_ kind: FileStatus.Kind) -> FileStatus {
      FileStatus(kind: kind, uid: uid, gid: gid, mode: mode, accessList: accessList.flatMap { POSIXACL($0) })
    }
  }

  var name = "media7"
  /// The daemon's own user and group, both rolekeeper.
  var uid: UInt32 = 998
  var gid: UInt32 = 998
  var workingDirectory = "/"
  var credentialsDirectory: String? = "/run/credentials/rolekeeper.service"

  var users = [
    HostUser(name: "root", uid: 0, gid: 0), HostUser(name: "rolekeeper", uid: 998, gid: 998),
    HostUser(name: "uploader", uid: 1001, gid: 1001), HostUser(name: "alice", uid: 1002, gid: 1002),
  ]
  var groups = [
    HostGroup(name: "root", gid: 0), HostGroup(name: "rolekeeper", gid: 998),
    HostGroup(name: "rolekeeper-clients", gid: 997), HostGroup(name: "uploader", gid: 1001),
    HostGroup(name: "alice", gid: 1002), HostGroup(name: "media", gid: 2000),
  ]
  /// The supplementary groups of users, by user name.
  var memberships: [String: Set<UInt32>] = ["uploader": [997, 2000]]
  /// Set when look-ups of users and groups fail.
  var nameFailure: HostError?

  var files: [String: File] = ["/run/credentials/rolekeeper.service/access-key": File(uid: 998, mode: 0o400)]
  /// The errors of files that can't be read, whatever they contain.
  var readFailures: [String: HostError] = [:]
  /// All directories not named here belong to root and have mode 0755.
  var directories = [
    "/run/rolekeeper": File(uid: 998, gid: 998, mode: 0o711),
    "/run/rolekeeper/roles": File(uid: 998, gid: 998, mode: 0o711),
  ]
  /// These and everything below them that isn't in `directories` are missing.
  var missingDirectories: Set<String> = ["/srv/rolekeeper", "/var/lib/rolekeeper-files"]
  /// Neither these nor anything below them can be looked at.
  var deniedDirectories: Set<String> = []
  /// The targets of links.
  var links: [String: String] = [:]

  func user(named name: String) throws(HostError) -> HostUser? {
    if let nameFailure { throw nameFailure }
    return users.first { $0.name == name }
  }

  func user(uid: UInt32) throws(HostError) -> HostUser? {
    if let nameFailure { throw nameFailure }
    return users.first { $0.uid == uid }
  }

  func group(named name: String) throws(HostError) -> HostGroup? {
    if let nameFailure { throw nameFailure }
    return groups.first { $0.name == name }
  }

  func group(gid: UInt32) throws(HostError) -> HostGroup? {
    if let nameFailure { throw nameFailure }
    return groups.first { $0.gid == gid }
  }

  func groups(of user: HostUser) -> Set<UInt32> { memberships[user.name, default: []].union([user.gid]) }

  func status(of path: String) throws(HostError) -> FileStatus {
    if deniedDirectories.contains(where: { path.hasPrefix("\($0)/") }) { throw .denied }
    if let file = files[path] { return file.status(.file) }
    let isMissing = missingDirectories.contains { path == $0 || path.hasPrefix("\($0)/") }
    if directories[path] == nil, isMissing || path.hasSuffix(".csv") || path.hasPrefix("/run/credentials") {
      throw .missing
    }
    return (directories[path] ?? File(mode: 0o755)).status(.directory)
  }

  func realPath(of path: String) throws(HostError) -> String {
    for (link, target) in links {
      if path == link { return target }
      if path.hasPrefix("\(link)/") { return target + path.dropFirst(link.count) }
    }
    return path
  }

  func read(_ path: String, limit: Int) throws(HostError) -> (status: FileStatus, bytes: [UInt8]) {
    if deniedDirectories.contains(where: { path.hasPrefix("\($0)/") }) { throw .denied }
    if let failure = readFailures[path] { throw failure }
    guard let file = files[path] else { throw .missing }
    guard file.isReadable else { throw .denied }
    guard file.text.utf8.count <= limit else { throw .tooLarge(limit: limit) }
    return (file.status(.file), Array(file.text.utf8))
  }

  func mayWrite(to directory: String) -> Bool {
    guard let status = try? status(of: directory), status.kind == .directory else { return false }
    let bits: UInt32 = status.uid == uid ? 0o300 : status.gid == gid ? 0o030 : 0o003
    return status.mode & bits == bits
  }

  func names(in directory: String) throws(HostError) -> [String] {
    let prefix = directory + "/"
    let names = files.keys.filter { $0.hasPrefix(prefix) }.map { String($0.dropFirst(prefix.count)) }
    guard !names.isEmpty else { throw .missing }
    return names
  }
}

extension FakeHost {
  static let path = "/etc/rolekeeper/rolekeeper.toml"

  /// The settings that this host loads from `text`, with what `rolesD` has by file names beside it.
  func load(_ text: String, rolesD: [String: String] = [:]) -> LoadedSettings {
    var host = self
    host.files[Self.path] = host.files[Self.path] ?? File()
    host.files[Self.path]?.text = text
    for (name, text) in rolesD { host.files["/etc/rolekeeper/roles.d/\(name)"] = File(text: text) }
    return SettingsLoader(host: host).load(Self.path)
  }
}

/// Valid settings: lines 1 to 8.
let soundSettings = """
  [source.main]
  type = "access-key"
  credential = "access-key"
  [socket]
  group = "rolekeeper-clients"
  [roles.uploader]
  role_arn = "acs:ram::1234567890123456:role/ramtestupload"
  allow = { users = ["uploader"] }

  """
