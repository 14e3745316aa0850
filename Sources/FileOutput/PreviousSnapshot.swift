import CLinux
import Core
import Glibc

/// The snapshot before the current one, which stays for those who are reading it.
///
/// It is removed at its end or with the next swap, and at once if somebody has more access to it than the outputs allow.
struct PreviousSnapshot: Sendable {
  /// The name of its directory, in the role's directory.
  let name: String
  /// In seconds since 1970.
  var end: Int
  /// The kernel's status of its files when it was current, by name.
  let files: [String: FileStatus]

  /// The end of a snapshot that has to be removed at once.
  static let over = 0

  var mustGo: Bool { end == Self.over }

  /// What somebody changed in it since; empty if it is gone.
  func drifts(in directory: borrowing Directory) -> [OutputDrift] {
    // A file that can't be examined is removed with the next swap, as the whole snapshot is.
    guard let status = try? directory.status(of: name), status.isDirectory else { return [] }
    var found: [String] = []
    if !Self.isOurs(status) { found.append("\(status.access)") }
    if clinux_has_acl(directory.descriptor, name) == 1 { found.append("an access control list") }
    var drifts = found.isEmpty ? [] : [Self.drift(directory.path(of: name), found.joined(separator: ", "))]
    guard let snapshot = try? directory.openDirectory(name) else { return drifts }
    for (file, before) in files.sorted(by: { $0.key < $1.key }) {
      // Removing a file reveals no secret.
      guard let now = try? snapshot.status(of: file), now != before,
        let found = try? snapshot.drift(of: file, from: before)
      else { continue }
      drifts.append(Self.drift(snapshot.path(of: file), found))
    }
    return drifts
  }

  private static func drift(_ path: String, _ found: String) -> OutputDrift {
    OutputDrift(path: path, found: "\(found), in the generation before, which is removed")
  }

  private static func isOurs(_ status: FileStatus) -> Bool {
    status.permissions == RoleDirectory.directoryMode && status.uid == geteuid()
  }

  /// The files of the snapshot `name`; nil if one of them, or the directory, admits somebody whom `outputs` don't, or it can't be
  /// examined.
  static func admissibleFiles(
    of name: String, in directory: borrowing Directory, _ outputs: [(name: OutputName, file: OutputFile)]
  ) -> [String: FileStatus]? {
    guard let status = try? directory.status(of: name), status.isDirectory, isOurs(status),
      clinux_has_acl(directory.descriptor, name) != 1, let snapshot = try? directory.openDirectory(name),
      let names = try? snapshot.names()
    else { return nil }
    var files: [String: FileStatus] = [:]
    for name in names where !EndRecord.isInSnapshot(name) {
      guard let status = try? snapshot.status(of: name),
        let output = outputs.first(where: { $0.name.description == name })?.file, output.admits(status),
        clinux_has_acl(snapshot.descriptor, name) != 1
      else { return nil }
      files[name] = status
    }
    return files
  }
}

extension OutputFile {
  /// Whether the file admits nobody whom this output doesn't, as far as owner, group and mode determine it.
  func admits(_ status: FileStatus) -> Bool {
    status.isRegular && status.links == 1 && (status.uid, status.gid) == (uid, gid) && status.permissions & ~mode == 0
  }

  /// Whether the same file admits nobody whom `other` doesn't.
  package func isWithin(_ other: OutputFile) -> Bool { (uid, gid) == (other.uid, other.gid) && mode & ~other.mode == 0 }
}
