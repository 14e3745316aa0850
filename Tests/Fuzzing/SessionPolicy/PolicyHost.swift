import Settings

/// A host that has one file, root's, and nothing else.
struct PolicyHost: Host {
  static let path = "/etc/rolekeeper/session.policy.json"

  let text: [UInt8]

  var name: String { "host" }
  var uid: UInt32 { 998 }
  var gid: UInt32 { 998 }
  var workingDirectory: String { "/" }
  var credentialsDirectory: String? { nil }

  func user(named name: String) -> HostUser? { nil }
  func user(uid: UInt32) -> HostUser? { nil }
  func group(named name: String) -> HostGroup? { nil }
  func group(gid: UInt32) -> HostGroup? { nil }
  func groups(of user: HostUser) -> Set<UInt32> { [] }

  func status(of path: String) -> FileStatus { FileStatus(kind: .directory, uid: 0, gid: 0, mode: 0o755) }
  func realPath(of path: String) -> String { path }

  func read(_ path: String, limit: Int) throws(HostError) -> (status: FileStatus, bytes: [UInt8]) {
    guard text.count <= limit else { throw .tooLarge(limit: limit) }
    return (FileStatus(kind: .file, uid: 0, gid: 0, mode: 0o644), text)
  }

  func mayWrite(to directory: String) -> Bool { true }
  func names(in directory: String) throws(HostError) -> [String] { throw .missing }
}
