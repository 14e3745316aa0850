import Settings

/// A host with a few users and files, all of them in memory.
struct FuzzHost: Host {
  static let mainPath = "/etc/rolekeeper/rolekeeper.toml"
  static let rolesPath = "/etc/rolekeeper/roles.d/more.toml"
  static let policy = #"{"Version": "1", "Statement": [{"Effect": "Allow", "Action": "oss:*", "Resource": "*"}]}"#
  static let soundSettings = """
    [source.main]
    type = "access-key"
    credential = "access-key"
    [socket]
    group = "rolekeeper-clients"
    [roles.first]
    role_arn = "acs:ram::1234567890123456:role/first"
    allow = { users = ["uploader"] }

    """

  /// What its files hold, by their paths.
  private(set) var files: [String: [UInt8]]

  init(main: [UInt8], rolesFile: [UInt8]? = nil) {
    files = [
      Self.mainPath: main, "/etc/rolekeeper/p.json": Array(Self.policy.utf8), "/etc/rolekeeper/ca.pem": [],
      "/etc/rolekeeper/key.csv": [], "/run/credentials/rolekeeper.service/access-key": [],
    ]
    files[Self.rolesPath] = rolesFile
  }

  /// The same host with more behind the text under test.
  func appending(_ text: String) -> FuzzHost {
    var host = self
    host.files[files[Self.rolesPath] == nil ? Self.mainPath : Self.rolesPath]? += Array(text.utf8)
    return host
  }

  var name: String { "media7.example_host" }
  var uid: UInt32 { 998 }
  var gid: UInt32 { 998 }
  var workingDirectory: String { "/" }
  var credentialsDirectory: String? { "/run/credentials/rolekeeper.service" }

  private static let names: [(name: String, id: UInt32)] = [
    ("root", 0), ("rolekeeper", 998), ("rolekeeper-clients", 997), ("uploader", 1001), ("media", 2000),
  ]

  func user(named name: String) -> HostUser? {
    Self.names.first { $0.name == name }.map { HostUser(name: $0.name, uid: $0.id, gid: $0.id) }
  }

  func user(uid: UInt32) -> HostUser? {
    Self.names.first { $0.id == uid }.map { HostUser(name: $0.name, uid: $0.id, gid: $0.id) }
  }

  func group(named name: String) -> HostGroup? {
    Self.names.first { $0.name == name }.map { HostGroup(name: $0.name, gid: $0.id) }
  }

  func group(gid: UInt32) -> HostGroup? {
    Self.names.first { $0.id == gid }.map { HostGroup(name: $0.name, gid: $0.id) }
  }

  func groups(of user: HostUser) -> Set<UInt32> { [user.gid, 997] }

  func status(of path: String) -> FileStatus {
    guard files[path] != nil else { return FileStatus(kind: .directory, uid: 0, gid: 0, mode: 0o755) }
    let isKey = path.hasSuffix("key.csv") || path.hasSuffix("access-key")
    return FileStatus(kind: .file, uid: isKey ? 998 : 0, gid: 0, mode: isKey ? 0o400 : 0o644)
  }

  func realPath(of path: String) -> String { path }

  func read(_ path: String, limit: Int) throws(HostError) -> (status: FileStatus, bytes: [UInt8]) {
    guard let bytes = files[path] else { throw .missing }
    guard bytes.count <= limit else { throw .tooLarge(limit: limit) }
    return (status(of: path), bytes)
  }

  func mayWrite(to directory: String) -> Bool { true }
  func names(in directory: String) throws(HostError) -> [String] {
    guard directory == "/etc/rolekeeper/roles.d", files[Self.rolesPath] != nil else { throw .missing }
    return ["more.toml"]
  }
}
