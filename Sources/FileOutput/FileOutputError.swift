import Core
import Glibc
package import Wire

/// Why an output isn't as it should be. Its previous state is still whole.
package enum FileOutputError: Error, Hashable, Sendable, CustomStringConvertible {
  /// A system call failed; `path` is its subject.
  case system(Step, path: String, errno: CInt)
  /// Somebody other than root, the daemon or the output's owner may write to the directory and could replace its entries. `entry`
  /// is the ACL entry that allows it, if one does.
  case looseDirectory(path: String, uid: UInt32, gid: UInt32, mode: UInt32, entry: String? = nil)
  /// A directory that has to be the daemon's belongs to somebody else. `origin` is nil if this process hasn't used it before.
  case foreignDirectory(path: String, uid: UInt32, mode: UInt32, origin: DirectoryOrigin? = nil)
  /// The file system doesn't preserve access: it shows something else than was set, as with vfat or a mount with `uid=` or
  /// `umask=`.
  case accessNotKept(path: String, asked: Access, found: Access)
  /// Somebody else is admitted by an access control list that can't be removed, such as NFSv4's.
  case grantedElsewhere(path: String, who: String)
  /// A directory doesn't exist. `isInRoots` is whether its parent is root's and nobody else may write to it, `isReadOnly` whether
  /// the daemon couldn't write there in any case, since it sees the parent read-only.
  case missingDirectory(path: String, isInRoots: Bool, isReadOnly: Bool = false)
  /// A directory in a home, which is hidden from the daemon's unit.
  case hiddenDirectory(path: String)
  /// The name belongs to something of another kind.
  case inTheWay(path: String, what: String)
  /// The file to be removed wasn't written by the daemon, or has been changed since.
  case notOurs(path: String, found: String)
  /// The file to be removed after its session's end is valid until `end`, in seconds since 1970.
  case notEnded(path: String, end: Int)
  /// The credential can't be written in the file's format.
  case noContent(path: String, FormatError)
  /// A path that isn't absolute, or has empty, `.` or `..` steps.
  case unusablePath(String)

  package var description: String {
    switch self {
    case .system(let step, let path, let number):
      "\(step.noun) '\(path)': cannot \(step.rawValue): \(String(cString: strerror(number)))\(Self.fix(step, path, number).map { "; \($0)" } ?? "")"
    case .looseDirectory(let path, let uid, let gid, let mode, let entry):
      "directory '\(path)': others may write to it (\(entry.map { "ACL entry \($0), " } ?? "")mode 0\(String(mode, radix: 8)), owner \(uid):\(gid)); name a directory that only root, the daemon or the output's owner may write to: \(Self.seeCheck)"
    case .foreignDirectory(let path, let uid, let mode, let origin):
      "directory '\(path)': it belongs to uid \(uid) (mode 0\(String(mode, radix: 8))) and has to be the daemon's (uid \(geteuid()), mode 0711); \(Self.remedy(origin))"
    case .accessNotKept(let path, let asked, let found):
      "file '\(path)': the file system doesn't keep who may read it: \(asked) was set, and \(found) is shown; nothing was written: choose a directory on a file system that keeps modes and owners"
    case .grantedElsewhere(let path, let who):
      "file '\(path)': an access control list of the file system lets '\(who)' in, which the settings don't; nothing was written: take that entry from the list that new files in '\(Self.directory(of: path))' inherit, or choose another directory"
    case .missingDirectory(let path, let isInRoots, let isReadOnly):
      "directory '\(path)': there is no such directory; \(Self.making(path, isInRoots: isInRoots, isReadOnly: isReadOnly))"
    case .hiddenDirectory(let path):
      "directory '\(path)': the unit doesn't see homes; name a directory outside of them: \(Self.seeCheck)"
    case .inTheWay(let path, let what): "file '\(path)': a \(what) is in the way; move it or change 'path'"
    case .notOurs(let path, let found):
      "file '\(path)': \(found); look at the file, and remove it if it holds a credential that nobody needs"
    case .notEnded(let path, _): "file '\(path)': its session has not ended"
    case .noContent(let path, let error): "file '\(path)': \(error)"
    case .unusablePath(let path): "path '\(path)': not an absolute path without empty, '.' and '..' steps"
    }
  }

  /// The same error for an operation in memory, with the path of the output that it was for.
  func about(_ path: String) -> FileOutputError {
    if case .system(let step, _, let number) = self { .system(step, path: path, errno: number) } else { self }
  }

  private static func fix(_ step: Step, _ path: String, _ number: CInt) -> String? {
    switch number {
    case EROFS: readOnlyFix(step, path)
    case ENOSPC, EDQUOT: "make room there"
    case EFBIG: "the daemon's limit of file size is below this: raise 'LimitFSIZE=' of the unit, or 'ulimit -f'"
    case EPERM where step == .chown:
      "to give files to other users the daemon needs CAP_CHOWN (AmbientCapabilities= of its unit) or root"
    case EACCES where step == .openDirectory:
      "its owner or mode, or that of a directory above it, keeps the daemon (uid \(geteuid())) out: look at 'namei -l \(path)'; or name a directory of its own: \(seeCheck)"
    case EACCES, EPERM:
      "the daemon (uid \(geteuid())) may not get to '\(directory(of: path))' or write there; name a directory of its own: \(seeCheck)"
    case EIO:
      "the disk has errors: see the kernel's log (dmesg)"
    case EMFILE, ENFILE:
      "descriptors have run out: raise 'LimitNOFILE=' of the unit, or take 'max_connections' down"
    case EISDIR, ENOTEMPTY: "a directory is in the way; move it"
    case ELOOP, ENOTDIR: "a symlink or a file is on the way; write the path without symlinks"
    default: nil
    }
  }

  /// The unit sees the host read-only except for the paths in its drop-ins; whether the file system itself is read-only can't be
  /// seen from here. The dash lets the unit start even if the directory is missing.
  static func readOnlyFix(
    _ step: Step, _ path: String, isKeptOut: (String) -> Bool = OwnUser.isKeptOut,
    place own: OwnPlace? = OwnPlace.found()
  ) -> String {
    let place = step == .makeParent ? path : directory(of: path)
    guard HostPlaces.mayBeOurs(place) else {
      return "it is read-only for the daemon; name a directory of its own: \(seeCheck)"
    }
    // The drop-in alone would only lead to the next error.
    if step != .makeParent, isKeptOut(place) {
      return
        "it is read-only for the daemon, and its owner or mode keeps the daemon (uid \(geteuid())) out as well; \(own.map { use($0, for: path) } ?? "name a directory of its own: \(seeCheck)")"
    }
    let make = step == .makeParent ? "make it with '\(command(making: place))', " : ""
    return
      "it is read-only for the daemon: \(make)\(dropIn(place)); if it is read-only for root, too, look at its mount"
  }

  private static func dropIn(_ place: String) -> String {
    "run 'sudo systemctl edit rolekeeper', add the lines '[Service]' and 'ReadWritePaths=-\(place)', then run 'sudo systemctl restart rolekeeper'"
  }

  /// The hint to use a directory of the daemon's own in place of the one that it can't write to.
  private static func use(_ own: OwnPlace, for path: String) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? ""
    let steps = [
      own.isThere ? nil : "make a directory of its own: sudo \(command(making: own.path))",
      "write path = \"\(own.path)/\(name)\" in the settings",
      own.isOpen ? "run: sudo systemctl reload rolekeeper" : "let the unit write there: \(dropIn(own.path))",
    ]
    return steps.compactMap { $0 }.joined(separator: "; ")
  }

  /// The check examines more of the host than a failed call shows, and knows the unit.
  private static let seeCheck = "'rolekeeper check' names one, with the commands that make it"

  /// No command for a system directory, or inside one whose owner could put a link there meanwhile.
  private static func making(_ path: String, isInRoots: Bool, isReadOnly: Bool) -> String {
    guard isInRoots && HostPlaces.mayBeOurs(path) else { return "name a directory of the daemon's own: \(seeCheck)" }
    return "make it: \(command(making: path))\(isReadOnly ? "; then let the unit write there: \(dropIn(path))" : "")"
  }

  private static func command(making path: String) -> String {
    "install -d -o \(OwnUser.name) -m 0711 \(ShellWord.quoted(path))"
  }

  /// Never a command to give it back: everything that its owner has put there would then be the daemon's.
  private static func remedy(_ origin: DirectoryOrigin?) -> String {
    switch origin {
    case .ours: "its owner was changed; remove it with all that is in it, or move it away: the daemon makes a new one"
    case .others: "it was put in place of the daemon's; move it away: the daemon makes a new one"
    case nil: "move it away, or name another in 'files.directory'"
    }
  }

  private static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return "/" }
    return String(path[..<slash])
  }
}

/// What is known about a directory that belongs to somebody else.
package enum DirectoryOrigin: Hashable, Sendable {
  /// The daemon created it, and somebody changed its owner.
  case ours
  /// Somebody put it in place of the daemon's.
  case others
}

/// An action on a file or directory, in words that complete "cannot …".
package enum Step: String, Hashable, Sendable {
  case openDirectory = "open the directory"
  case makeDirectory = "make the directory"
  /// The directory that holds the roles' directories.
  case makeParent = "make the roles' directory"
  case list = "list the directory"
  case examine = "examine it"
  case create = "create it"
  case chmod = "set its mode"
  case acl = "remove its access control list"
  case chown = "set its owner"
  case content = "write its content"
  case read = "read it"
  case sync = "bring it to the disk"
  case link = "make the link"
  case rename = "put it in place"
  case syncDirectory = "bring the directory to the disk"
  case remove = "remove it"
  case handOver = "pass on its content"

  /// The object that the step's path names.
  fileprivate var noun: String {
    switch self {
    case .openDirectory, .makeDirectory, .makeParent, .list, .syncDirectory: "directory"
    default: "file"
    }
  }
}
