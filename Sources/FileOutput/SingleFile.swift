import Glibc

/// An output outside the role's directory: a file that is replaced as a whole.
struct SingleFile: Sendable {
  let path: OutputPath
  let output: OutputFile
  var calls = Calls()
  /// What was written last: the version of its content, and how the kernel saw it.
  private var written: (version: UInt64, status: FileStatus)?

  init(_ path: OutputPath, _ output: OutputFile) {
    self.path = path
    self.output = output
  }

  /// True when the file was replaced; false when it holds that content already and nobody has touched it.
  mutating func write(_ content: SealedContent) throws(FileOutputError) -> Bool {
    let directory = try openDirectory()
    let present = try directory.status(of: path.name)
    if present?.isDirectory == true { throw .inTheWay(path: "\(path)", what: "directory") }
    if let written, written.version == content.version, written.status == present { return false }
    let temporary = Directory.temporaryName(for: path.name)
    try directory.remove(temporary)
    let made = try directory.create(temporary, as: output, content)
    try directory.rename(temporary, to: path.name)
    try directory.sync()
    // Asked anew: the rename is a change of status, too. What somebody changed since isn't ours, and is replaced the next time.
    written = try directory.status(of: path.name).flatMap { $0.isRenamed(made) ? (content.version, $0) : nil }
    return true
  }

  /// Removes the file, whoever wrote it: it lies where the lapsed credential is expected.
  mutating func withdraw() throws(FileOutputError) {
    written = nil
    let directory: Directory
    // Removing asks for no tight directory: what lapsed has to go from a loose one, too.
    do throws(FileOutputError) { directory = try Directory(at: path.directory, calls) } catch .system(
      .openDirectory, _, ENOENT)
    { return }
    try directory.remove(Directory.temporaryName(for: path.name))
    guard let present = try directory.status(of: path.name), !present.isDirectory else { return }
    try directory.remove(path.name)
    try directory.sync()
  }

  /// Removes what an earlier process wrote before `time`. True when there was such a file.
  mutating func withdrawOld(before time: Int) throws(FileOutputError) -> Bool {
    let directory: Directory
    do throws(FileOutputError) { directory = try Directory(at: path.directory, calls) } catch .system(
      .openDirectory, _, ENOENT)
    { return false }
    guard let present = try directory.status(of: path.name), !present.isDirectory, present.writtenSeconds < time else {
      return false
    }
    try withdraw()
    return true
  }

  private func openDirectory() throws(FileOutputError) -> Directory {
    let directory = try Directory(at: path.directory, calls)
    let status = try directory.status()
    guard status.isWritable(onlyBy: [geteuid(), output.uid]) else {
      throw .looseDirectory(path: path.directory, uid: status.uid, gid: status.gid, mode: status.permissions)
    }
    return directory
  }
}
