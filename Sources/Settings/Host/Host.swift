package import Core

/// What the loader needs to know about the host on which it runs; tests provide hosts of their own.
package protocol Host {
  /// The host's name, for session names; never empty. The loader checks session names with it, and the daemon builds
  /// them with it.
  var name: String { get }
  /// The user and group the daemon runs as.
  var uid: UInt32 { get }
  var gid: UInt32 { get }
  /// The absolute directory that relative paths of the command line start from.
  var workingDirectory: String { get }
  /// The directory of the unit's systemd credentials; nil without any.
  var credentialsDirectory: String? { get }
  /// The environment variable RES_OPTIONS, which changes the resolver's options for one process (resolv.conf(5)).
  var resolverOptions: String? { get }

  /// The user with this name; nil if there is none.
  func user(named name: String) throws(HostError) -> HostUser?
  func user(uid: UInt32) throws(HostError) -> HostUser?
  func group(named name: String) throws(HostError) -> HostGroup?
  func group(gid: UInt32) throws(HostError) -> HostGroup?
  /// All groups of a user, including the primary one.
  func groups(of user: HostUser) -> Set<UInt32>

  /// The status of the path's target, links followed.
  func status(of path: String) throws(HostError) -> FileStatus
  /// The path with all links followed, so that it names the file itself.
  func realPath(of path: String) throws(HostError) -> String
  /// Reads a regular file of at most `limit` bytes, and returns the status of the same file.
  func read(_ path: String, limit: Int) throws(HostError) -> (status: FileStatus, bytes: [UInt8])
  /// Whether the daemon's user may create files in a directory, by its permissions; mount options don't count.
  func mayWrite(to directory: String) -> Bool
  /// The names in a directory, in no particular order.
  func names(in directory: String) throws(HostError) -> [String]
}

extension Host {
  package var resolverOptions: String? { nil }

  /// What to do about a file that a setting names and that can't be read.
  func remedy(forUnreadable path: String, _ error: HostError) -> String {
    switch error {
    case .denied: SafeFix.reach(path, on: self)
    case .passing: "check that file and its disk"
    case .missing: remedyForMissing(path, "correct the path")
    default: "correct the path"
    }
  }

  /// What to do about a missing file: use another name in its directory if that is similar, else `otherwise`.
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
  /// The access control list besides the mode; nil if there is none, or if the mode masks all that it grants.
  package let accessList: POSIXACL?

  package init(kind: Kind, uid: UInt32, gid: UInt32, mode: UInt32, accessList: POSIXACL? = nil) {
    self.kind = kind
    self.uid = uid
    self.gid = gid
    self.mode = mode
    self.accessList = accessList
  }
}

/// Why the host gave no answer.
package enum HostError: Error, Hashable, CustomStringConvertible {
  case missing
  case denied
  case notAFile
  case tooLarge(limit: Int)
  /// An error that may end soon without a change to the host, in the system's words: a disk or service that doesn't
  /// answer, a table that is full.
  case passing(String)
  /// Any other error, in the system's words.
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
