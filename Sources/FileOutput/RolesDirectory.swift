import Core
import Glibc

/// The parent of the roles' directories, as an earlier process may have left it. Both calls block on a disk: they are for the time
/// before anything is served.
package enum RolesDirectory {
  /// Removes the directories of roles that aren't in `roles`, with the files that we wrote in them. A directory counts as a role's
  /// if it has a role's name, is the daemon's own, and its `current` names a snapshot; all others stay. No effect if `directory`
  /// doesn't exist. A name for which `end` has a time, in seconds since 1970, is removed only if its content ends by then. A
  /// failure with one doesn't stop the others; throws if `directory` can't be examined.
  @discardableResult
  package static func removeFormerDirectories(
    in directory: String, keeping roles: Set<String>, endedBy end: (String) -> Int? = { _ in nil }
  ) throws(FileOutputError) -> FormerDirectoryRemoval {
    let opened: Directory
    do throws(FileOutputError) { opened = try Directory(at: directory, Calls()) } catch .missingDirectory {
      return FormerDirectoryRemoval()
    }
    let names = try opened.names()
    var result = FormerDirectoryRemoval()
    for name in names where !roles.contains(name) && RoleName(name) != nil {
      do throws(FileOutputError) {
        switch try remove(name, in: opened, at: directory, endedBy: end(name), &result.presumed) {
        case .left: result.left.append(name)
        case .removed: result.removed.append(name)
        case .notOurs: break
        }
      } catch { result.failure = result.failure ?? error }
    }
    result.left.sort()
    result.removed.sort()
    return result
  }

  private enum Outcome { case notOurs, removed, left }

  private static func remove(
    _ name: String, in opened: borrowing Directory, at directory: String, endedBy end: Int?,
    _ presumed: inout [PresumedEnd]
  ) throws(FileOutputError) -> Outcome {
    var former = RoleDirectory(parent: directory, role: name, [])
    guard let status = try opened.status(of: name), status.isDirectory, status.uid == geteuid(),
      former.presentNumber() != nil
    else { return .notOurs }
    if let end {
      let isEnded = try former.withdrawEnded(by: end)
      if let end = former.presumedEnd { presumed.append(end) }
      if !isEnded { return .left }
    }
    try former.removeAll()
    return .removed
  }

  /// The number of `role`'s current snapshot; nil if there is none.
  package static func snapshotNumber(of role: String, in directory: String) -> UInt64? {
    RoleDirectory(parent: directory, role: role, []).presentNumber()
  }
}

/// The result of removing directories of roles that have no files any more.
package struct FormerDirectoryRemoval {
  /// The roles whose content has not ended, sorted.
  package internal(set) var left: [String] = []
  /// The roles whose files have been removed, sorted.
  package internal(set) var removed: [String] = []
  /// Those that were judged by their end, and have no record of it.
  package internal(set) var presumed: [PresumedEnd] = []
  /// The first error with any other.
  package internal(set) var failure: FileOutputError?
}
