import Core
import Glibc

/// When the credential in a file expires, recorded beside the file, so that the next process needs no settings to judge it.
///
/// It is the target of a symlink beside the file, in seconds since 1970. The file's own times or attributes wouldn't do: a daemon
/// with CAP_CHOWN alone can neither read nor change a file that it has given to another user; the modification time is set when the
/// content is written, which comes last; and tmpfs has no user attributes before Linux 6.6. A symlink is replaced as a whole and
/// survives a reboot if the file does, and whoever may write to the directory could replace the file itself anyway.
///
///     roles/uploader/gen-8/.expires -> 1767326645
///     roles/uploader/gen-8/.rotation -> 12
///     /srv/app/.credentials.json.rolekeeper-expires -> 1767326645:4711 1767323045:4690 r12:4711 r11:4690
///
/// A file elsewhere and its record can't be swapped in one step. So its record identifies files by their inode: the new one, and
/// the present one until the swap.
///
/// The role's generation is recorded in the same way, so that the next process can report what is there. The number in `gen-8` is
/// that of a snapshot, which also grows with each repair.
enum EndRecord {
  static let inSnapshot = ".expires"
  static let generationInSnapshot = ".rotation"

  /// Whether `name` is a record in a snapshot, and not a file.
  static func isInSnapshot(_ name: String) -> Bool { name == inSnapshot || name == generationInSnapshot }

  /// The shortest possible session (DurationSeconds of AssumeRole). A file without a record, from an older version or from somebody
  /// else, counts as written with a session of this length.
  static let shortestSession = 900

  static func name(for file: String) -> String { ".\(file)\(ReservedNames.recordSuffix)" }

  /// The ends come first, since older versions use the first entry of an inode.
  static func text(_ entries: [(inode: UInt, end: Int)], generations: [(inode: UInt, number: UInt64)] = []) -> String {
    (entries.map { "\($0.end):\($0.inode)" } + generations.map { "r\($0.number):\($0.inode)" }).joined(separator: " ")
  }

  /// The role's generation in the file with this inode; nil if the record doesn't have it.
  static func generation(of inode: UInt, in text: String) -> UInt64? {
    for entry in text.split(separator: " ") where entry.hasPrefix("r") {
      let parts = entry.dropFirst().split(separator: ":")
      if parts.count == 2, UInt(decimal: parts[1]) == inode { return UInt64(decimal: parts[0]) }
    }
    return nil
  }

  /// The expiry of the file with this inode; nil if the record doesn't have it.
  static func end(of inode: UInt, in text: String) -> Int? {
    for entry in text.split(separator: " ") {
      let parts = entry.split(separator: ":")
      if parts.count == 2, UInt(decimal: parts[1]) == inode { return end(parts[0]) }
    }
    return nil
  }

  /// An expiry as it is recorded; nil for what isn't a time that documents can have. A file's owner may be able to write the
  /// record.
  static func end(_ text: some StringProtocol) -> Int? {
    Int(decimal: text).flatMap { $0 <= latest ? $0 : nil }
  }

  /// 9999-12-31T23:59:59Z, the last second that `UTCTime` parses.
  private static let latest = 253_402_300_799

  /// When a file without a record counts as lapsed. Its owner can set one of the times, nobody the other.
  static func presumedEnd(of status: FileStatus) -> Int {
    min(status.writtenSeconds, status.changedSeconds) + shortestSession
  }
}

/// The presumed expiry of a credential in a file without a record: it comes from an older version, or the record was lost.
package struct PresumedEnd: Hashable, Sendable {
  /// The path of the file, or of the directory of a role's snapshot.
  package let path: String
  /// In seconds since 1970: the shortest session, counted from when the file was written.
  package let end: Int
}
