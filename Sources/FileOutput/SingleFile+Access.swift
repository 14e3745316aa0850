import Glibc

extension SingleFile {
  /// How many seconds after its record a file may have been put in place.
  private static let slack = 1

  /// Gives a file that an earlier process, or somebody since, left there the access that the output has now, without waiting for
  /// new content: it is replaced by a file with the same content, or removed if that isn't possible. A file that isn't recorded as
  /// ours stays, and one that is as it should be isn't touched. `fixes` lists what was done.
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
      _ = try write(content, until: end, generation: generation(of: present, in: directory).first?.number)
      fixes = [AccessFix(path: "\(path)", found: found, isRemoved: false)]
    } catch {
      // A file that can't be kept with the right access is removed.
      try withdraw()
      fixes = [AccessFix(path: "\(path)", found: "\(found); \(error)", isRemoved: true)]
    }
  }
}
