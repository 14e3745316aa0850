import CLinux
import Core
import Glibc

extension RoleDirectory {
  /// Brings what an earlier process, or somebody since, left in place to the access that the outputs have now, without waiting for new
  /// content: a file whose access is another is replaced by one with the same content, or goes where that can't be, and so does one that
  /// is no output any more. Nothing that is as it should be is touched. `fixes` has what was done.
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
    if let found = try directory.closeGeneration(name, status) {
      fixes.append(AccessFix(path: directory.path(of: name), found: found, isRemoved: false))
    }
    let generation = try directory.openDirectory(name)
    let files = try lookAtFiles(in: generation)
    if files.wrong.isEmpty { return }
    guard !files.kept.isEmpty, let end = Self.recordedEnd(of: generation) else {
      return try withdraw(fixing: files.wrong)
    }
    do throws(FileOutputError) {
      try replace(number, by: files.kept, until: end, generation, in: directory)
      fixes += files.wrong
    } catch {
      // What can't be kept with the right access isn't kept.
      try withdraw(
        fixing: files.wrong.map { AccessFix(path: $0.path, found: "\($0.found); \(error)", isRemoved: true) })
    }
  }

  private mutating func withdraw(fixing wrong: [AccessFix]) throws(FileOutputError) {
    try withdraw()
    fixes += wrong.map { AccessFix(path: $0.path, found: $0.found, isRemoved: true) }
  }

  private typealias Kept = [(name: OutputName, file: OutputFile, status: FileStatus)]

  /// Those whose access isn't right, and those that are there afterwards.
  private func lookAtFiles(
    in generation: borrowing Directory
  ) throws(FileOutputError) -> (wrong: [AccessFix], kept: Kept) {
    let record = try generation.status(of: EndRecord.inGeneration)
    var wrong: [AccessFix] = []
    var kept: Kept = []
    for name in try generation.names().sorted() where !EndRecord.isInGeneration(name) {
      guard let status = try generation.status(of: name), !status.isDirectory else { continue }
      let path = "\(self.path)/\(name)"
      guard let (outputName, file) = outputs.first(where: { $0.name.description == name }) else {
        wrong.append(AccessFix(path: path, found: "the settings no longer have it", isRemoved: true))
        continue
      }
      let found = generation.deviation(of: name, status, from: file)
      let isKept = found == nil || status.isAsWritten(before: record, for: file)
      if isKept { kept.append((outputName, file, status)) }
      if let found { wrong.append(AccessFix(path: path, found: found, isRemoved: !isKept)) }
    }
    return (wrong, kept)
  }

  private mutating func replace(
    _ number: UInt64, by kept: Kept, until end: Int, _ generation: borrowing Directory,
    in directory: borrowing Directory
  ) throws(FileOutputError) {
    let leftovers = try removeLeftovers(in: directory, keeping: [number])
    var files: [(name: OutputName, file: OutputFile, content: SealedContent)] = []
    for (name, file, status) in kept {
      files.append((name, file, try generation.content(of: name.description, status)))
    }
    let rotation = generation.target(of: EndRecord.rotationInGeneration).flatMap { UInt64($0) }
    let next = max(number, lastNumber, leftovers.highest) + 1
    _ = try make(next, files, until: end, rotation, in: directory)
    lastNumber = next
    for (name, _, _) in files { try link(name.description, in: directory) }
    try directory.putLink(Self.current, to: Self.name(next))
    do throws(FileOutputError) { try directory.removeDirectory(Self.name(number)) } catch .system(.remove, _, EISDIR) {
      // Somebody's directory in it is in nobody's way, and our files in it are gone.
    }
    try directory.sync()
  }
}

extension Directory {
  /// Gives the directory of a generation in this one its mode back, and takes its access control lists. What was wrong; nil for nothing.
  fileprivate func closeGeneration(_ name: String, _ status: FileStatus) throws(FileOutputError) -> String? {
    var found: [String] = []
    if status.permissions != RoleDirectory.directoryMode { found.append("\(status.access)") }
    if clinux_has_acl(descriptor, name) == 1 { found.append("an access control list") }
    if found.isEmpty { return nil }
    try restore(name, mode: RoleDirectory.directoryMode)
    let generation = try openDirectory(name)
    try generation.removeACLs(of: generation.descriptor, generation.path)
    // An access control list's mask shows in the mode.
    try generation.setMode(RoleDirectory.directoryMode)
    return found.joined(separator: ", ")
  }
}
