import Core
import Glibc

/// Until when the credential in a file is valid, kept with the file, so that the next process judges it by that and by no setting.
///
/// It is the target of a symlink beside the file, in seconds since 1970. Not in the file's own times or attributes: a file that has
/// been given to another user can neither be read nor changed by a daemon with CAP_CHOWN alone, its modification time counts from its
/// content, which comes last, and tmpfs has no user attributes before Linux 6.6. A symlink is replaced as a whole, survives a reboot
/// where the file does, and whoever may write to the directory could replace the file itself.
///
///     roles/uploader/gen-8/.expires -> 1767326645
///     roles/uploader/gen-8/.rotation -> 12
///     /srv/app/.credentials.json.rolekeeper-expires -> 1767326645:4711 1767323045:4690 r12:4711 r11:4690
///
/// A file elsewhere and its record can't be swapped in one step. So its record names files by their inode: the new one, and the one that
/// is there until the swap.
///
/// The role's generation is kept in the same way, so that the next process can report what lies there. The number in `gen-8` isn't it: that
/// grows with each repair, too.
enum EndRecord {
  static let inGeneration = ".expires"
  static let rotationInGeneration = ".rotation"

  /// Whether a generation has a record of that name, and not a file.
  static func isInGeneration(_ name: String) -> Bool { name == inGeneration || name == rotationInGeneration }

  /// What no session is shorter than (DurationSeconds of AssumeRole). A file without a record, of an older version or of somebody else,
  /// counts as written with a session of this length.
  static let shortestSession = 900

  static func name(for file: String) -> String { ".\(file)\(ReservedNames.recordSuffix)" }

  /// The ends come first: older versions take the first entry of an inode.
  static func text(_ entries: [(inode: UInt, end: Int)], rotations: [(inode: UInt, number: UInt64)] = []) -> String {
    (entries.map { "\($0.end):\($0.inode)" } + rotations.map { "r\($0.number):\($0.inode)" }).joined(separator: " ")
  }

  /// The role's generation in the file with this inode; nil when the record doesn't know it.
  static func rotation(of inode: UInt, in text: String) -> UInt64? {
    for entry in text.split(separator: " ") where entry.hasPrefix("r") {
      let parts = entry.dropFirst().split(separator: ":")
      if parts.count == 2, UInt(parts[1]) == inode { return UInt64(parts[0]) }
    }
    return nil
  }

  /// The end of the file with this inode; nil when the record doesn't know it.
  static func end(of inode: UInt, in text: String) -> Int? {
    for entry in text.split(separator: " ") {
      let parts = entry.split(separator: ":")
      if parts.count == 2, UInt(parts[1]) == inode { return Int(parts[0]) }
    }
    return nil
  }

  /// When a file without a record counts as lapsed. Its owner may set the one time, nobody the other.
  static func presumedEnd(of status: FileStatus) -> Int {
    min(status.writtenSeconds, status.changedSeconds) + shortestSession
  }
}

/// The end of a credential in a file that has no record of it: of an older version, or the record was lost.
package struct PresumedEnd: Hashable, Sendable {
  /// Of the file, or of the directory of a role's generation.
  package let path: String
  /// In seconds since 1970: the shortest session from when the file was written.
  package let end: Int
}
