import Core
import Glibc

/// The outputs in a role's directory, which change together.
///
///     roles/uploader/              0711, the daemon's
///       gen-7/credentials.json     the generation before, until the next swap at most
///       gen-8/credentials.json
///       gen-8/.expires -> 1767326645
///       gen-8/.rotation -> 12      the role's generation, which a repair doesn't change
///       current -> gen-8           swapped by one rename
///       credentials.json -> current/credentials.json
///
/// A reader that needs several files of the same snapshot opens `current` and reads them in there.
struct RoleDirectory: Sendable {
  /// The parent of the roles' directories, 0711; created if it is missing.
  let parent: String
  let role: String
  let outputs: [(name: OutputName, file: OutputFile)]
  var calls = Calls()
  /// What somebody changed since, as found by the last check.
  var drifts: [OutputDrift] = []
  /// The end that the last `withdrawEnded` presumed, if the snapshot has no record of one.
  private(set) var presumedEnd: PresumedEnd?
  /// What the last `applyAccess` fixed.
  var fixes: [AccessFix] = []
  var written: Snapshot?
  /// The previous snapshot, which stays for current readers until the next swap or its end.
  private var previous: PreviousSnapshot?
  /// The highest number used, so that it also grows after a withdrawal.
  var lastNumber: UInt64 = 0
  /// The role's directory that was last used.
  var identity: Identity?

  struct Identity: Equatable {
    let device: UInt
    let inode: UInt

    init(_ status: FileStatus) {
      device = status.device
      inode = status.inode
    }
  }

  struct Snapshot: Sendable {
    let number: UInt64
    let end: Int
    let generation: UInt64?
    let versions: [UInt64]
    let statuses: [FileStatus]
  }

  static let current = "current"
  private static let prefix = "gen-"
  static let directoryMode: UInt32 = 0o711

  init(parent: String, role: String, _ outputs: [(name: OutputName, file: OutputFile)]) {
    self.parent = parent
    self.role = role
    self.outputs = outputs
  }

  var path: String { "\(parent)/\(role)" }

  /// True if a new snapshot is in place; false if the current one has that content already and nobody has touched it. `contents` is
  /// in the order of `outputs`; `end` is their expiry in seconds since 1970, and `generation` the role's generation; both are
  /// recorded with them.
  mutating func write(
    _ contents: [SealedContent], until end: Int, generation: UInt64? = nil
  ) throws(FileOutputError) -> Bool {
    let directory = try openDirectory()
    let present = currentNumber(in: directory)
    if try isCurrent(contents.map(\.version), end, in: directory) { return false }
    // A leftover that can't be removed blocks nothing: the number skips it, and its removal is retried the next time.
    let leftovers = try removeLeftovers(in: directory, keeping: present.map { [$0] } ?? [])
    let before = present.map { previousSnapshot($0, in: directory) }
    let number = max(present ?? 0, lastNumber, leftovers.highest) + 1
    let statuses = try make(
      number, zip(outputs, contents).map { ($0.name, $0.file, $1) }, until: end, generation, in: directory)
    do throws(FileOutputError) {
      for output in outputs { try link(output.name.description, in: directory) }
      try directory.putLink(Self.current, to: Self.name(number))
    } catch {
      // The thrown error is the earlier one; what can't be removed now is a leftover for the next time.
      try? directory.removeDirectory(Self.name(number))
      throw error
    }
    lastNumber = number
    previous = before
    try directory.sync()
    written = Snapshot(
      number: number, end: end, generation: generation, versions: contents.map(\.version), statuses: statuses)
    // The new snapshot is in place even if this fails; the next check tries again, and reports the reason.
    if previous?.mustGo == true { try? removePrevious(in: directory) }
    return true
  }

  /// What becomes of the current snapshot when the next one replaces it. It is removed at once if somebody changed it, or if it
  /// admits users whom the outputs don't: it may be another process's, or from earlier settings.
  private func previousSnapshot(_ number: UInt64, in directory: borrowing Directory) -> PreviousSnapshot {
    let name = Self.name(number)
    guard drifts.isEmpty else { return PreviousSnapshot(name: name, end: PreviousSnapshot.over, files: [:]) }
    if let written, written.number == number {
      let files = Dictionary(uniqueKeysWithValues: zip(outputs.map(\.name.description), written.statuses))
      return PreviousSnapshot(name: name, end: written.end, files: files)
    }
    guard let files = PreviousSnapshot.admissibleFiles(of: name, in: directory, outputs) else {
      return PreviousSnapshot(name: name, end: PreviousSnapshot.over, files: [:])
    }
    // By its own record: another process may have had sessions of another length.
    return PreviousSnapshot(name: name, end: recordedEnd(of: number, in: directory), files: files)
  }

  private mutating func removePrevious(in directory: borrowing Directory) throws(FileOutputError) {
    guard let previous else { return }
    // If it can't be removed, the next check tries again, whatever time is given then.
    self.previous?.end = PreviousSnapshot.over
    do throws(FileOutputError) {
      try directory.removeDirectory(previous.name)
      self.previous = nil
    } catch .system(.remove, _, EISDIR) {
      // A foreign directory in it blocks nothing, and our files in it are gone.
    }
  }

  /// Whether that content, with that end, is in place, and nobody has touched it. The previous snapshot is removed if it has ended
  /// by `now`, in seconds since 1970, or somebody has touched it.
  mutating func isCurrent(_ versions: [UInt64], until end: Int, at now: Int) throws(FileOutputError) -> Bool {
    let directory = try openDirectory()
    let found = previous?.drifts(in: directory) ?? []
    if let previous, previous.end <= now || !found.isEmpty {
      do throws(FileOutputError) { try removePrevious(in: directory) } catch {
        drifts += found
        throw error
      }
    }
    let isCurrent = try isCurrent(versions, end, in: directory)
    // It has been removed, which is no reason to write a new snapshot.
    drifts += found
    return isCurrent
  }

  /// Removes all content: every output reads as missing from one moment on, and the bytes are gone.
  mutating func withdraw() throws(FileOutputError) {
    written = nil
    previous = nil
    drifts = []
    guard let directory = try enterIfPresent() else { return }
    lastNumber = max(lastNumber, currentNumber(in: directory) ?? 0)
    try directory.remove(Self.current)
    let leftovers = try removeLeftovers(in: directory, keeping: [])
    try directory.sync()
    if let failure = leftovers.failure { throw failure }
  }

  /// Removes an earlier process's content if it has ended by `time`. True if there was any.
  mutating func withdrawEnded(by time: Int) throws(FileOutputError) -> Bool {
    presumedEnd = nil
    drifts = []
    guard let directory = try enterIfPresent(), let number = currentNumber(in: directory) else { return false }
    let snapshot: Directory
    do throws(FileOutputError) { snapshot = try directory.openDirectory(Self.name(number)) } catch .system(
      .openDirectory, _, ENOENT)
    { return false }
    // Nobody reads the previous snapshot any more, and it ends earlier.
    for name in try directory.names() where Self.snapshotNumber(name).map({ $0 != number }) == true {
      try directory.removeDirectory(name)
    }
    guard let end = try Self.end(of: snapshot) else { return false }
    if Self.recordedEnd(of: snapshot) == nil { presumedEnd = PresumedEnd(path: snapshot.path, end: end) }
    guard end <= time else { return false }
    try withdraw()
    return true
  }

  /// 0, so that it is removed at the next check, for a snapshot without a file or one that can't be examined.
  private func recordedEnd(of number: UInt64, in directory: borrowing Directory) -> Int {
    guard let snapshot = try? directory.openDirectory(Self.name(number)) else { return 0 }
    return (try? Self.end(of: snapshot)) ?? 0
  }

  static func recordedEnd(of snapshot: borrowing Directory) -> Int? {
    snapshot.target(of: EndRecord.inSnapshot).flatMap { EndRecord.end($0) }
  }

  /// Nil for a snapshot without a file.
  private static func end(of snapshot: borrowing Directory) throws(FileOutputError) -> Int? {
    if let end = recordedEnd(of: snapshot) { return end }
    // All files in it, since the outputs may have had other names then.
    var earliest: Int?
    for name in try snapshot.names() {
      guard let status = try snapshot.status(of: name), !status.isSymlink else { continue }
      let end = EndRecord.presumedEnd(of: status)
      earliest = min(earliest ?? end, end)
    }
    return earliest
  }

  /// What readers find, however old.
  var content: OutputContent {
    // Writing or removing it will report why it can't be examined.
    do throws(FileOutputError) {
      guard let directory = try openDirectoryIfPresent(), try directory.status(of: Self.current) != nil,
        let number = currentNumber(in: directory), let inner = try directory.status(of: Self.name(number))
      else { return .absent }
      // A directory that somebody else put there isn't evaluated, whatever it looks like.
      let status = try directory.status()
      let isOurs = status.uid == geteuid() || Identity(status) == identity
      guard isOurs, inner.uid == geteuid() else { return .unknown }
      let snapshot = try directory.openDirectory(Self.name(number))
      guard let first = outputs.first?.name, try snapshot.status(of: first.description) != nil,
        let end = try Self.end(of: snapshot)
      else { return .absent }
      if let written, written.number == number {
        for (output, before) in zip(outputs, written.statuses) {
          let now = try snapshot.status(of: output.name.description)
          guard now?.hasContent(of: before) == true else { return .unknown }
        }
      }
      let generation = snapshot.target(of: EndRecord.generationInSnapshot).flatMap { UInt64(decimal: $0) }
      return .present(generation: generation, end: end)
    } catch { return .unknown }
  }

  /// Removes the directory, too: the role is no longer in the settings. Other users' files in it stay, and so does the directory
  /// then.
  mutating func removeAll() throws(FileOutputError) {
    try withdraw()
    guard let directory = try openDirectoryIfPresent() else { return }
    for name in try directory.names() where Self.isLinkIntoCurrent(name, in: directory) { try directory.remove(name) }
    let parent = try Directory(at: parent, calls)
    do throws(FileOutputError) {
      try calls.perform(.remove, path) { unlinkat(parent.descriptor, role, AT_REMOVEDIR) }
    } catch .system(.remove, _, ENOTEMPTY) {}
    try parent.sync()
  }
}

extension RoleDirectory {
  func make(
    _ number: UInt64, _ files: [(name: OutputName, file: OutputFile, content: SealedContent)], until end: Int,
    _ generation: UInt64?, in directory: borrowing Directory
  ) throws(FileOutputError) -> [FileStatus] {
    let name = Self.name(number)
    do throws(FileOutputError) {
      _ = try directory.makeDirectory(name)
      let snapshot = try directory.openDirectory(name)
      try snapshot.removeACLs(of: snapshot.descriptor, snapshot.path)
      var statuses: [FileStatus] = []
      for (name, file, content) in files {
        statuses.append(try snapshot.create(name.description, as: file, content))
      }
      try snapshot.makeLink(EndRecord.inSnapshot, to: "\(end)")
      if let generation { try snapshot.makeLink(EndRecord.generationInSnapshot, to: "\(generation)") }
      try snapshot.setMode(Self.directoryMode)
      try snapshot.sync()
      return statuses
    } catch {
      // As above.
      try? directory.removeDirectory(name)
      throw error
    }
  }

  /// Created before the first swap, when it points to nothing yet, so that the outputs appear together.
  func link(_ name: String, in directory: borrowing Directory) throws(FileOutputError) {
    let target = "\(Self.current)/\(name)"
    if directory.target(of: name) == target { return }
    if try directory.status(of: name)?.isDirectory == true {
      throw .inTheWay(path: directory.path(of: name), what: "directory")
    }
    try directory.putLink(name, to: target)
  }

  /// What couldn't be removed: the highest snapshot number among it, 0 for none, and the first error.
  struct Leftovers {
    var highest: UInt64 = 0
    var failure: FileOutputError?
  }

  /// Removes other snapshots, including half-written ones, links that were not put in place, and those of former outputs.
  func removeLeftovers(
    in directory: borrowing Directory, keeping numbers: [UInt64]
  ) throws(FileOutputError) -> Leftovers {
    let links = Set(outputs.map(\.name.description))
    var leftovers = Leftovers()
    for name in try directory.names() {
      let number = Self.snapshotNumber(name)
      do throws(FileOutputError) {
        if let number {
          if !numbers.contains(number) { try directory.removeDirectory(name) }
        } else if name.hasSuffix(ReservedNames.temporarySuffix) {
          try directory.remove(name)
        } else if !links.contains(name), Self.isLinkIntoCurrent(name, in: directory) {
          try directory.remove(name)
        }
      } catch {
        leftovers.failure = leftovers.failure ?? error
        leftovers.highest = max(leftovers.highest, number ?? 0)
      }
    }
    return leftovers
  }

  private static func isLinkIntoCurrent(_ name: String, in directory: borrowing Directory) -> Bool {
    directory.target(of: name)?.hasPrefix("\(current)/") == true
  }

  static func name(_ number: UInt64) -> String { "\(prefix)\(number)" }

  /// The number that `current` names; nil if there is none, or it can't be read.
  func presentNumber() -> UInt64? {
    // A directory that can't be opened shows nothing of its content; writing to it will report why.
    guard let directory = try? openDirectoryIfPresent() else { return nil }
    return currentNumber(in: directory)
  }

  func currentNumber(in directory: borrowing Directory) -> UInt64? {
    directory.target(of: Self.current).flatMap(Self.snapshotNumber)
  }

  /// The number N in `gen-N`; nil for other names, and for a number so large that none comes after it.
  private static func snapshotNumber(_ name: String) -> UInt64? {
    guard name.hasPrefix(prefix), let number = UInt64(name.dropFirst(prefix.count)), number < .max else { return nil }
    return name == self.name(number) ? number : nil
  }
}
