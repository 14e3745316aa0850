import CLinux
import Core
import Glibc

/// The generation before the one in place, which stays for those who are reading it.
///
/// It goes at its end or with the next swap, and at once when somebody has more access to it than the outputs give.
struct PreviousGeneration: Sendable {
  /// Of its directory, in the role's.
  let name: String
  /// In seconds since 1970.
  var end: Int
  /// As the kernel saw them while it was in place, by their names.
  let files: [String: FileStatus]

  /// The end of one that has to go at once.
  static let over = 0

  var mustGo: Bool { end == Self.over }

  /// What somebody changed of it since; nothing where it is gone.
  func drifts(in directory: borrowing Directory) -> [OutputDrift] {
    // What can't be looked at goes with the next swap, as all of it does.
    guard let status = try? directory.status(of: name), status.isDirectory else { return [] }
    var found: [String] = []
    if !Self.isOurs(status) { found.append("\(status.access)") }
    if clinux_has_acl(directory.descriptor, name) == 1 { found.append("an access control list") }
    var drifts = found.isEmpty ? [] : [Self.drift(directory.path(of: name), found.joined(separator: ", "))]
    guard let generation = try? directory.openDirectory(name) else { return drifts }
    for (file, before) in files.sorted(by: { $0.key < $1.key }) {
      // Somebody who removes a file takes no secret with it.
      guard let now = try? generation.status(of: file), now != before,
        let found = try? generation.drift(of: file, from: before)
      else { continue }
      drifts.append(Self.drift(generation.path(of: file), found))
    }
    return drifts
  }

  private static func drift(_ path: String, _ found: String) -> OutputDrift {
    OutputDrift(path: path, found: "\(found), in the generation before, which is removed")
  }

  private static func isOurs(_ status: FileStatus) -> Bool {
    status.permissions == RoleDirectory.directoryMode && status.uid == geteuid()
  }

  /// The files of the generation `name`; nil when one of them, or the directory, lets in whom `outputs` don't, or it can't be looked at.
  static func admissibleFiles(
    of name: String, in directory: borrowing Directory, _ outputs: [(name: OutputName, file: OutputFile)]
  ) -> [String: FileStatus]? {
    guard let status = try? directory.status(of: name), status.isDirectory, isOurs(status),
      clinux_has_acl(directory.descriptor, name) != 1, let generation = try? directory.openDirectory(name),
      let names = try? generation.names()
    else { return nil }
    var files: [String: FileStatus] = [:]
    for name in names where !EndRecord.isInGeneration(name) {
      guard let status = try? generation.status(of: name),
        let output = outputs.first(where: { $0.name.description == name })?.file, output.admits(status),
        clinux_has_acl(generation.descriptor, name) != 1
      else { return nil }
      files[name] = status
    }
    return files
  }
}

extension OutputFile {
  /// Whether the file lets nobody in whom this output doesn't, as far as owner, group and mode say.
  func admits(_ status: FileStatus) -> Bool {
    status.isRegular && status.links == 1 && (status.uid, status.gid) == (uid, gid) && status.permissions & ~mode == 0
  }

  /// Whether the same file as `other` lets nobody in whom that one doesn't.
  package func isWithin(_ other: OutputFile) -> Bool { (uid, gid) == (other.uid, other.gid) && mode & ~other.mode == 0 }
}
