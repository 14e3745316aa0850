import CLinux
import Core
import Glibc

extension RoleDirectory {
  /// Gives files that an earlier process, or somebody since, left there the access that the outputs have now, without waiting for
  /// new content: a file with different access is replaced by one with the same content, or removed if that isn't possible; a file
  /// that is no longer an output is removed. Files that are as they should be aren't touched. `fixes` lists what was done.
  mutating func applyAccess() throws(FileOutputError) {
    fixes = []
    guard let directory = try enterIfPresent(), let number = currentNumber(in: directory) else { return }
    if let found = try adopt(directory) { fixes.append(AccessFix(path: path, found: found, isRemoved: false)) }
    let name = Self.name(number)
    guard let status = try directory.status(of: name), status.isDirectory else { return }
    guard status.uid == geteuid() else {
      let found = "owner \(status.uid) instead of \(geteuid())"
      return try withdraw(fixing: [AccessFix(path: directory.path(of: name), found: found, isRemoved: true)])
    }
    if let found = try directory.closeSnapshot(name, status) {
      fixes.append(AccessFix(path: directory.path(of: name), found: found, isRemoved: false))
    }
    let snapshot = try directory.openDirectory(name)
    let files = try lookAtFiles(in: snapshot)
    if files.wrong.isEmpty { return }
    guard !files.kept.isEmpty, let end = Self.recordedEnd(of: snapshot) else {
      return try withdraw(fixing: files.wrong)
    }
    do throws(FileOutputError) {
      try replace(number, by: files.kept, until: end, snapshot, in: directory)
      fixes += files.wrong
    } catch {
      // A file that can't be kept with the right access is removed.
      try withdraw(
        fixing: files.wrong.map { AccessFix(path: $0.path, found: "\($0.found); \(error)", isRemoved: true) })
    }
  }

  private mutating func withdraw(fixing wrong: [AccessFix]) throws(FileOutputError) {
    try withdraw()
    fixes += wrong.map { AccessFix(path: $0.path, found: $0.found, isRemoved: true) }
  }

  private typealias Kept = [(name: OutputName, file: OutputFile, status: FileStatus)]

  /// The files whose access isn't right, and those that exist afterwards.
  private func lookAtFiles(
    in snapshot: borrowing Directory
  ) throws(FileOutputError) -> (wrong: [AccessFix], kept: Kept) {
    let record = try snapshot.status(of: EndRecord.inSnapshot)
    var wrong: [AccessFix] = []
    var kept: Kept = []
    for name in try snapshot.names().sorted() where !EndRecord.isInSnapshot(name) {
      guard let status = try snapshot.status(of: name), !status.isDirectory else { continue }
      let path = "\(self.path)/\(name)"
      guard let (outputName, file) = outputs.first(where: { $0.name.description == name }) else {
        wrong.append(AccessFix(path: path, found: "the settings no longer have it", isRemoved: true))
        continue
      }
      let found = snapshot.deviation(of: name, status, from: file)
      let isKept = found == nil || status.isAsWritten(before: record, for: file)
      if isKept { kept.append((outputName, file, status)) }
      if let found { wrong.append(AccessFix(path: path, found: found, isRemoved: !isKept)) }
    }
    return (wrong, kept)
  }

  private mutating func replace(
    _ number: UInt64, by kept: Kept, until end: Int, _ snapshot: borrowing Directory,
    in directory: borrowing Directory
  ) throws(FileOutputError) {
    let leftovers = try removeLeftovers(in: directory, keeping: [number])
    var files: [(name: OutputName, file: OutputFile, content: SealedContent)] = []
    for (name, file, status) in kept {
      files.append((name, file, try snapshot.content(of: name.description, status)))
    }
    let generation = snapshot.target(of: EndRecord.generationInSnapshot).flatMap { UInt64(decimal: $0) }
    let next = max(number, lastNumber, leftovers.highest) + 1
    _ = try make(next, files, until: end, generation, in: directory)
    lastNumber = next
    for (name, _, _) in files { try link(name.description, in: directory) }
    try directory.putLink(Self.current, to: Self.name(next))
    do throws(FileOutputError) { try directory.removeDirectory(Self.name(number)) } catch .system(.remove, _, EISDIR) {
      // A foreign directory in it blocks nothing, and our files in it are gone.
    }
    try directory.sync()
  }
}

extension Directory {
  /// Restores the mode of a snapshot's directory in this one, and removes its access control lists. Returns what was wrong; nil if
  /// nothing was.
  fileprivate func closeSnapshot(_ name: String, _ status: FileStatus) throws(FileOutputError) -> String? {
    var found: [String] = []
    if status.permissions != RoleDirectory.directoryMode { found.append("\(status.access)") }
    if clinux_has_acl(descriptor, name) == 1 { found.append("an access control list") }
    if found.isEmpty { return nil }
    try restore(name, mode: RoleDirectory.directoryMode)
    let snapshot = try openDirectory(name)
    try snapshot.removeACLs(of: snapshot.descriptor, snapshot.path)
    // The mode shows an access control list's mask.
    try snapshot.setMode(RoleDirectory.directoryMode)
    return found.joined(separator: ", ")
  }
}
