import Core
import Glibc

/// The directory that holds the roles' directories, as an earlier process may have left it. Both calls block on a disk: they are
/// for the time before anything is served.
package enum RolesDirectory {
  /// Removes the directories of roles that aren't in `roles`, with what we wrote in them. A directory counts as a role's if it has
  /// a role's name, is the daemon's own, and its `current` names a generation; all others stay. Nothing where `directory` isn't
  /// there. For a name that `end` has a time for, in seconds since 1970, only if its content ends by then; else it is left. Tries all of
  /// them, whatever goes wrong with one; throws when `directory` can't be looked at.
  @discardableResult
  package static func removeAbandoned(
    in directory: String, keeping roles: Set<String>, endedBy end: (String) -> Int? = { _ in nil }
  ) throws(FileOutputError) -> AbandonedRemoval {
    let opened: Directory
    do throws(FileOutputError) { opened = try Directory(at: directory, Calls()) } catch .missingDirectory {
      return AbandonedRemoval()
    }
    let names = try opened.names()
    var result = AbandonedRemoval()
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
    var abandoned = RoleDirectory(parent: directory, role: name, [])
    guard let status = try opened.status(of: name), status.isDirectory, status.uid == geteuid(),
      abandoned.presentNumber() != nil
    else { return .notOurs }
    if let end {
      let isEnded = try abandoned.withdrawEnded(by: end)
      if let end = abandoned.presumedEnd { presumed.append(end) }
      if !isEnded { return .left }
    }
    try abandoned.removeAll()
    return .removed
  }

  /// The number of the generation that is in place for `role`; nil when there is none.
  package static func generation(of role: String, in directory: String) -> UInt64? {
    RoleDirectory(parent: directory, role: role, []).presentNumber()
  }
}

/// What became of directories whose roles have no files any more.
package struct AbandonedRemoval {
  /// The roles whose content has not ended, sorted.
  package internal(set) var left: [String] = []
  /// The roles whose files are gone now, sorted.
  package internal(set) var removed: [String] = []
  /// Of those that were judged by their end, and have no record of it.
  package internal(set) var presumed: [PresumedEnd] = []
  /// What went wrong first with others.
  package internal(set) var failure: FileOutputError?
}
