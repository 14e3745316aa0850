package import Core

/// What the loader asks of the host it runs on; tests answer with hosts of their own.
package protocol Host {
  /// The host's name, for session names: never empty. The loader judges session names with it, and the daemon makes them
  /// with it.
  var name: String { get }
  /// The user and group the daemon runs as.
  var uid: UInt32 { get }
  var gid: UInt32 { get }
  /// What relative paths of the command line start from; absolute.
  var workingDirectory: String { get }
  /// Where systemd put the unit's credentials; nil outside of a unit that has any.
  var credentialsDirectory: String? { get }
  /// The variable RES_OPTIONS, by which a process's resolver has other options than the host's (resolv.conf(5)).
  var resolverOptions: String? { get }

  /// The user of that name; nil when there is none.
  func user(named name: String) throws(HostError) -> HostUser?
  func user(uid: UInt32) throws(HostError) -> HostUser?
  func group(named name: String) throws(HostError) -> HostGroup?
  func group(gid: UInt32) throws(HostError) -> HostGroup?
  /// All groups of a user, the primary one too.
  func groups(of user: HostUser) -> Set<UInt32>

  /// Of what a path leads to, links followed.
  func status(of path: String) throws(HostError) -> FileStatus
  /// The path with all links followed, so that it names the file itself.
  func realPath(of path: String) throws(HostError) -> String
  /// A regular file of at most `limit` bytes, with the status of the very file that was read.
  func read(_ path: String, limit: Int) throws(HostError) -> (status: FileStatus, bytes: [UInt8])
  /// Whether the daemon's user may make files in a directory, by its permissions; how it is mounted doesn't count.
  func mayWrite(to directory: String) -> Bool
  /// The names in a directory, in no order.
  func names(in directory: String) throws(HostError) -> [String]
}

extension Host {
  package var resolverOptions: String? { nil }

  /// What to do about a file that isn't there: the name of another one in its directory, if a slip leads to it.
  func remedyForMissing(_ path: String, _ otherwise: String) -> String {
    let names = (try? names(in: PathText.directory(of: path))) ?? []
    let near = Spelling.nearest(to: PathText.name(of: path), among: names.filter { !$0.hasPrefix(".") }.sorted())
    return near.map { "did you mean \($0)?" } ?? otherwise
  }
}

package struct HostUser: Hashable, Sendable {
  package let name: String
  package let uid: UInt32
  /// The primary group.
  package let gid: UInt32

  package init(name: String, uid: UInt32, gid: UInt32) {
    self.name = name
    self.uid = uid
    self.gid = gid
  }
}

package struct HostGroup: Hashable, Sendable {
  package let name: String
  package let gid: UInt32

  package init(name: String, gid: UInt32) {
    self.name = name
    self.gid = gid
  }
}

package struct FileStatus: Hashable, Sendable {
  package enum Kind: Hashable, Sendable {
    case file, directory, other
  }

  package let kind: Kind
  package let uid: UInt32
  package let gid: UInt32
  /// The permission bits, 0 to 0o7777.
  package let mode: UInt32
  /// The access control list beside the mode; nil when there is none, or the mode leaves it nothing to grant.
  package let accessList: POSIXACL?

  package init(kind: Kind, uid: UInt32, gid: UInt32, mode: UInt32, accessList: POSIXACL? = nil) {
    self.kind = kind
    self.uid = uid
    self.gid = gid
    self.mode = mode
    self.accessList = accessList
  }
}

/// Why the host didn't answer.
package enum HostError: Error, Hashable, CustomStringConvertible {
  case missing
  case denied
  case notAFile
  case tooLarge(limit: Int)
  /// What may be over in a moment without a change to the host: a disk or a service that doesn't answer, a table that is full. In the
  /// system's words.
  case passing(String)
  /// Any other, in the system's words.
  case other(String)

  package var description: String {
    switch self {
    case .missing: "there is no such file"
    case .denied: "permission denied"
    case .notAFile: "it isn't a regular file"
    case .tooLarge(let limit): "it has more than \(limit) bytes"
    case .passing(let reason), .other(let reason): reason
    }
  }
}
