import Glibc

/// An output outside the role's directory: a file that is replaced as a whole.
struct SingleFile: Sendable {
  let path: OutputPath
  let output: OutputFile
  var calls = Calls()
  /// What somebody changed since, as the last look at it found.
  private(set) var drifts: [OutputDrift] = []
  /// The end that the last `withdrawEnded` presumed, since the file there has no record of one.
  private(set) var presumedEnd: PresumedEnd?
  /// What the last `applyAccess` put right.
  var fixes: [AccessFix] = []
  private var written: Written?

  /// What was written last, and how the kernel saw it.
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

  /// True when the file was replaced; false when it holds that content already and nobody has touched it. `end` is when the credential
  /// ends, in seconds since 1970, and `rotation` the role's generation, which is kept with the file.
  mutating func write(_ content: SealedContent, until end: Int, rotation: UInt64? = nil) throws(FileOutputError) -> Bool
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
      // The file is what its readers and the settings know; the other name is ours, and counts only where something has it.
      throw .system(step, path: "\(path)", errno: number)
    }
    let text = EndRecord.text(
      [(made.inode, end)] + entry(of: present, in: directory),
      rotations: (rotation.map { [(inode: made.inode, number: $0)] } ?? []) + self.rotation(of: present, in: directory))
    do throws(FileOutputError) { try directory.putLink(record, to: text) } catch {
      unlinkat(directory.descriptor, temporary, 0)
      throw error
    }
    try directory.rename(temporary, to: path.name)
    try directory.sync()
    // Asked again: the rename is a change of status, too. What somebody changed since isn't ours, and is replaced the next time.
    written = try directory.status(of: path.name).flatMap { now in
      now.isRenamed(made) ? Written(version: content.version, end: end, status: now, record: text) : nil
    }
    return true
  }

  /// The record's entry of the file that is there, for as long as it is.
  private func entry(of present: FileStatus?, in directory: borrowing Directory) -> [(inode: UInt, end: Int)] {
    guard let present else { return [] }
    return [(present.inode, end(of: present, in: directory))]
  }

  func rotation(
    of present: FileStatus?, in directory: borrowing Directory
  ) -> [(inode: UInt, number: UInt64)] {
    guard let present, let text = directory.target(of: record),
      let number = EndRecord.rotation(of: present.inode, in: text)
    else { return [] }
    return [(present.inode, number)]
  }

  private func end(of present: FileStatus, in directory: borrowing Directory) -> Int {
    recordedEnd(of: present, in: directory) ?? EndRecord.presumedEnd(of: present)
  }

  /// Nil when there is no record, or it is of other files.
  func recordedEnd(of present: FileStatus, in directory: borrowing Directory) -> Int? {
    directory.target(of: record).flatMap { EndRecord.end(of: present.inode, in: $0) }
  }

  /// Removes the file, whoever wrote it: it lies where the lapsed credential is expected.
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

  /// Removes what an earlier process wrote if it has ended by `time`. True when there was such a file.
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

  /// Removes what an earlier process wrote here, if it is still as that one left it: no role has this output any more, so nothing else may
  /// be touched. False when there is no such file. With `time`, in seconds since 1970, only what ends by then.
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

  /// What shows that `present` isn't a file that we wrote, or isn't as we wrote it; nil when nothing does.
  ///
  /// The record was made behind the content. A later file with the same inode, or later content, is younger than the record.
  private func foreignness(of present: FileStatus, in directory: borrowing Directory) throws(FileOutputError) -> String?
  {
    guard present.isRegular else { return "it isn't a regular file" }
    guard present.uid == output.uid else { return "it belongs to uid \(present.uid) instead of \(output.uid)" }
    guard let link = try directory.status(of: record), link.isSymlink, link.uid == geteuid(),
      recordedEnd(of: present, in: directory) != nil
    else { return "the daemon has no record '\(record)' beside it that names this file" }
    return present.written > link.changed ? "its content was changed since" : nil
  }

  /// What a crash left half made, and the record of a file that is gone.
  private func removeOwnLeftovers(in directory: borrowing Directory) throws(FileOutputError) {
    let temporary = Directory.temporaryName(for: path.name)
    if let status = try directory.status(of: temporary), status.isRegular, [geteuid(), output.uid].contains(status.uid)
    {
      try directory.remove(temporary)
    }
    guard let link = try directory.status(of: record), link.isSymlink, link.uid == geteuid() else { return }
    try removeRecord(in: directory)
  }

  /// What readers find, of whatever age.
  var content: OutputContent {
    // Why it can't be looked at is what writing it, or removing it, will report.
    do throws(FileOutputError) {
      guard let directory = try openDirectoryIfPresent(), let status = try directory.status(of: path.name),
        !status.isDirectory
      else { return .absent }
      // The inode of another file may be the one that the record names.
      if let written, !status.hasContent(of: written.status) { return .unknown }
      let end = end(of: status, in: directory)
      return .present(rotation: rotation(of: status, in: directory).first?.number, end: end)
    } catch { return .unknown }
  }

  /// Removing asks for no tight directory: what lapsed has to go from a loose one, too.
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
