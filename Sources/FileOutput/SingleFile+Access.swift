import Glibc

extension SingleFile {
  /// How many seconds after the record of its end a file may have taken its place.
  private static let slack = 1

  /// Brings what an earlier process, or somebody since, left in place to the access that the output has now, without waiting for new content:
  /// it is replaced by a file with the same content, or removed where that can't be. What isn't recorded as ours stays, and nothing that is
  /// as it should be is touched. `fixes` has what was done.
  mutating func applyAccess() throws(FileOutputError) {
    fixes = []
    guard let directory = try openDirectoryIfPresent(), let present = try directory.status(of: path.name),
      let link = try directory.status(of: record), link.isSymlink, link.uid == geteuid(),
      let end = recordedEnd(of: present, in: directory),
      let found = directory.deviation(of: path.name, present, from: output)
    else { return }
    guard present.isAsWritten(before: link, slack: Self.slack, for: output) else {
      try withdraw()
      fixes = [AccessFix(path: "\(path)", found: found, isRemoved: true)]
      return
    }
    do throws(FileOutputError) {
      let content = try directory.content(of: path.name, present)
      _ = try write(content, until: end, rotation: rotation(of: present, in: directory).first?.number)
      fixes = [AccessFix(path: "\(path)", found: found, isRemoved: false)]
    } catch {
      // What can't be kept with the right access isn't kept.
      try withdraw()
      fixes = [AccessFix(path: "\(path)", found: "\(found); \(error)", isRemoved: true)]
    }
  }
}
