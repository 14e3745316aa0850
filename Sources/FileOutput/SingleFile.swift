import Glibc

/// An output outside the role's directory: a file that is replaced as a whole.
struct SingleFile: Sendable {
  let path: OutputPath
  let output: OutputFile
  var calls = Calls()
  /// What somebody changed since, as found by the last check.
  private(set) var drifts: [OutputDrift] = []
  /// The end that the last `withdrawEnded` presumed, if the file has no record of one.
  private(set) var presumedEnd: PresumedEnd?
  /// What the last `applyAccess` fixed.
  var fixes: [AccessFix] = []
  private var written: Written?

  /// What was last written, and the kernel's status of it.
  private struct Written: Sendable {
    let version: UInt64
    let end: Int
    let status: FileStatus
    let record: String
  }

  init(_ path: OutputPath, _ output: OutputFile) {
    self.path = path
    self.output = output
  }

  var record: String { EndRecord.name(for: path.name) }

  /// Whether it holds that content, with that end, and nobody has touched it.
  mutating func isCurrent(_ version: UInt64, until end: Int) throws(FileOutputError) -> Bool {
    try isCurrent(version, end, in: openDirectory())
  }

  private mutating func isCurrent(
    _ version: UInt64, _ end: Int, in directory: borrowing Directory
  ) throws(FileOutputError) -> Bool {
    drifts = []
    guard let written else { return false }
    if let found = try directory.drift(of: path.name, from: written.status) {
      drifts = [OutputDrift(path: "\(path)", found: found)]
    } else if let found = try directory.drift(ofLink: record, to: written.record) {
      drifts = [OutputDrift(path: directory.path(of: record), found: found)]
    }
    return drifts.isEmpty && written.version == version && written.end == end
  }

  /// True if the file was replaced; false if it has that content already and nobody has touched it. `end` is when the credential
  /// expires, in seconds since 1970, and `generation` the role's generation; both are recorded with the file.
  mutating func write(_ content: SealedContent, until end: Int, generation: UInt64? = nil) throws(FileOutputError)
    -> Bool
  {
    let directory = try openDirectory()
    if try isCurrent(content.version, end, in: directory) { return false }
    let present = try directory.status(of: path.name)
    if present?.isDirectory == true { throw .inTheWay(path: "\(path)", what: "directory") }
    let temporary = Directory.temporaryName(for: path.name)
    try directory.remove(temporary)
    let made: FileStatus
    do throws(FileOutputError) {
      made = try directory.create(temporary, as: output, content)
    } catch .system(let step, _, let number) where number != EEXIST {
      // Readers and settings know the file by its own name; the temporary name matters only if it is the problem.
      throw .system(step, path: "\(path)", errno: number)
    }
    let text = EndRecord.text(
      [(made.inode, end)] + entry(of: present, in: directory),
      generations: (generation.map { [(inode: made.inode, number: $0)] } ?? [])
        + self.generation(of: present, in: directory))
    do throws(FileOutputError) { try directory.putLink(record, to: text) } catch {
      unlinkat(directory.descriptor, temporary, 0)
      throw error
    }
    try directory.rename(temporary, to: path.name)
    try directory.sync()
    // Examined again, since the rename changes the status, too. A file that somebody has changed since isn't ours, and is replaced
    // the next time.
    written = try directory.status(of: path.name).flatMap { now in
      now.isRenamed(made) ? Written(version: content.version, end: end, status: now, record: text) : nil
    }
    return true
  }

  /// The record's entry for the present file, as long as it exists.
  private func entry(of present: FileStatus?, in directory: borrowing Directory) -> [(inode: UInt, end: Int)] {
    guard let present else { return [] }
    return [(present.inode, end(of: present, in: directory))]
  }

  func generation(
    of present: FileStatus?, in directory: borrowing Directory
  ) -> [(inode: UInt, number: UInt64)] {
    guard let present, let text = directory.target(of: record),
      let number = EndRecord.generation(of: present.inode, in: text)
    else { return [] }
    return [(present.inode, number)]
  }

  private func end(of present: FileStatus, in directory: borrowing Directory) -> Int {
    recordedEnd(of: present, in: directory) ?? EndRecord.presumedEnd(of: present)
  }

  /// Nil if there is no record, or it is about other files.
  func recordedEnd(of present: FileStatus, in directory: borrowing Directory) -> Int? {
    directory.target(of: record).flatMap { EndRecord.end(of: present.inode, in: $0) }
  }

  /// Removes the file, whoever wrote it: it is where the lapsed credential is expected.
  mutating func withdraw() throws(FileOutputError) {
    written = nil
    drifts = []
    guard let directory = try openDirectoryIfPresent() else { return }
    try directory.remove(Directory.temporaryName(for: path.name))
    guard let present = try directory.status(of: path.name), !present.isDirectory else {
      try removeRecord(in: directory)
      return
    }
    try directory.remove(path.name)
    try removeRecord(in: directory)
    try directory.sync()
  }

  private func removeRecord(in directory: borrowing Directory) throws(FileOutputError) {
    try directory.remove(Directory.temporaryName(for: record))
    try directory.remove(record)
  }

  /// Removes an earlier process's file if it has ended by `time`. True if there was one.
  mutating func withdrawEnded(by time: Int) throws(FileOutputError) -> Bool {
    presumedEnd = nil
    guard let directory = try openDirectoryIfPresent(), let present = try directory.status(of: path.name),
      !present.isDirectory
    else { return false }
    let end = end(of: present, in: directory)
    if recordedEnd(of: present, in: directory) == nil { presumedEnd = PresumedEnd(path: "\(path)", end: end) }
    guard end <= time else { return false }
    try withdraw()
    return true
  }

  /// Removes an earlier process's file, if it is still as that process left it: no role has this output any more, so nothing else
  /// may be touched. False if there is no such file. With `time`, in seconds since 1970, only if it ends by then.
  mutating func removeFormer(endedBy time: Int?) throws(FileOutputError) -> Bool {
    let directory: Directory
    do throws(FileOutputError) {
      guard let opened = try openDirectoryIfPresent() else { return false }
      directory = opened
    } catch .system(.openDirectory, let place, let number) where number == ELOOP || number == ENOTDIR {
      throw .notOurs(path: "\(path)", found: "'\(place)' is a link or a file now")
    }
    guard let present = try directory.status(of: path.name) else {
      try removeOwnLeftovers(in: directory)
      return false
    }
    if let found = try foreignness(of: present, in: directory) { throw .notOurs(path: "\(path)", found: found) }
    let end = end(of: present, in: directory)
    if let time, end > time { throw .notEnded(path: "\(path)", end: end) }
    try withdraw()
    return true
  }

  /// Why `present` can't be a file that we wrote, unchanged; nil if nothing shows that.
  ///
  /// The record was written after the content. A later file with the same inode, or later content, is younger than the record.
  private func foreignness(of present: FileStatus, in directory: borrowing Directory) throws(FileOutputError) -> String?
  {
    guard present.isRegular else { return "it isn't a regular file" }
    guard present.uid == output.uid else { return "it belongs to uid \(present.uid) instead of \(output.uid)" }
    guard let link = try directory.status(of: record), link.isSymlink, link.uid == geteuid(),
      recordedEnd(of: present, in: directory) != nil
    else { return "the daemon has no record '\(record)' beside it that names this file" }
    return present.written > link.changed ? "its content was changed since" : nil
  }

  /// A crash's half-written file, and the record of a file that is gone.
  private func removeOwnLeftovers(in directory: borrowing Directory) throws(FileOutputError) {
    let temporary = Directory.temporaryName(for: path.name)
    if let status = try directory.status(of: temporary), status.isRegular, [geteuid(), output.uid].contains(status.uid)
    {
      try directory.remove(temporary)
    }
    guard let link = try directory.status(of: record), link.isSymlink, link.uid == geteuid() else { return }
    try removeRecord(in: directory)
  }

  /// What readers find, however old.
  var content: OutputContent {
    // Writing or removing it will report why it can't be examined.
    do throws(FileOutputError) {
      guard let directory = try openDirectoryIfPresent(), let status = try directory.status(of: path.name),
        !status.isDirectory
      else { return .absent }
      // Another file may have got the inode that the record names.
      if let written, !status.hasContent(of: written.status) { return .unknown }
      let end = end(of: status, in: directory)
      return .present(generation: generation(of: status, in: directory).first?.number, end: end)
    } catch { return .unknown }
  }

  /// A removal doesn't require tight permissions: a lapsed file has to be removed from a loose directory, too.
  func openDirectoryIfPresent() throws(FileOutputError) -> Directory? {
    do throws(FileOutputError) { return try Directory(at: path.directory, calls) } catch .missingDirectory {
      return nil
    }
  }

  private func openDirectory() throws(FileOutputError) -> Directory {
    let directory = try Directory(at: path.directory, calls)
    let status = try directory.status()
    guard status.isWritable(onlyBy: [geteuid(), output.uid]) else {
      throw directory.looseness(of: status, besides: [geteuid(), output.uid])
    }
    return directory
  }
}
