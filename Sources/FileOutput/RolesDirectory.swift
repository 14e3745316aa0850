import Core
import Glibc

/// The directory that holds the roles' directories, as an earlier process may have left it. Both calls block on a disk: they are
/// for the time before anything is served.
package enum RolesDirectory {
  /// Removes the directories of roles that aren't in `roles`, with what we wrote in them. A directory counts as a role's if it has
  /// a role's name, is the daemon's own, and its `current` names a generation; all others stay. Nothing where `directory` isn't
  /// there. With `end`, in seconds since 1970, only those whose content ends by then; the others are left. Tries all of them, whatever
  /// goes wrong with one; throws when `directory` can't be looked at.
  @discardableResult
  package static func removeAbandoned(
    in directory: String, keeping roles: Set<String>, endedBy end: Int? = nil
  ) throws(FileOutputError) -> AbandonedRemoval {
    let opened: Directory
    do throws(FileOutputError) { opened = try Directory(at: directory, Calls()) } catch .missingDirectory {
      return AbandonedRemoval(left: [], presumed: [], failure: nil)
    }
    let names = try opened.names()
    var first: FileOutputError?
    var left: [String] = []
    var presumed: [PresumedEnd] = []
    for name in names where !roles.contains(name) && RoleName(name) != nil {
      do throws(FileOutputError) {
        if try !remove(name, in: opened, at: directory, endedBy: end, &presumed) { left.append(name) }
      } catch { first = first ?? error }
    }
    return AbandonedRemoval(left: left.sorted(), presumed: presumed, failure: first)
  }

  /// False for one of ours whose content has not ended.
  private static func remove(
    _ name: String, in opened: borrowing Directory, at directory: String, endedBy end: Int?,
    _ presumed: inout [PresumedEnd]
  ) throws(FileOutputError) -> Bool {
    var abandoned = RoleDirectory(parent: directory, role: name, [])
    guard let status = try opened.status(of: name), status.isDirectory, status.uid == geteuid(),
      abandoned.presentNumber() != nil
    else { return true }
    if let end {
      let isEnded = try abandoned.withdrawEnded(by: end)
      if let end = abandoned.presumedEnd { presumed.append(end) }
      if !isEnded { return false }
    }
    try abandoned.removeAll()
    return true
  }

  /// The number of the generation that is in place for `role`; nil when there is none.
  package static func generation(of role: String, in directory: String) -> UInt64? {
    RoleDirectory(parent: directory, role: role, []).presentNumber()
  }
}

/// What became of directories whose roles have no files any more.
package struct AbandonedRemoval {
  /// The roles whose content has not ended, sorted.
  package let left: [String]
  /// Of those that were judged by their end, and have no record of it.
  package let presumed: [PresumedEnd]
  /// What went wrong first with others.
  package let failure: FileOutputError?
}
