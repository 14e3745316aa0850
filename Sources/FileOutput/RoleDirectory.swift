import CLinux
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
/// A reader who wants several of the files of one moment opens `current` and reads them in there.
struct RoleDirectory: Sendable {
  /// Holds the roles' directories, 0711; made when it is missing.
  let parent: String
  let role: String
  let outputs: [(name: OutputName, file: OutputFile)]
  var calls = Calls()
  /// What somebody changed since, as the last look at it found.
  private(set) var drifts: [OutputDrift] = []
  /// The end that the last `withdrawEnded` presumed, since the generation there has no record of one.
  private(set) var presumedEnd: PresumedEnd?
  /// What the last `applyAccess` put right.
  var fixes: [AccessFix] = []
  private var written: Generation?
  /// The one before, which stays for those who read it until the next swap or its end.
  private var previous: PreviousGeneration?
  /// The highest number used, so that it grows after a withdrawal too.
  var lastNumber: UInt64 = 0
  /// The role's directory that was used last.
  private var identity: Identity?

  private struct Identity: Equatable {
    let device: UInt
    let inode: UInt

    init(_ status: FileStatus) {
      device = status.device
      inode = status.inode
    }
  }

  private struct Generation: Sendable {
    let number: UInt64
    let end: Int
    let rotation: UInt64?
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

  /// True when a new generation is in place; false when the one there holds that content already and nobody has touched it.
  /// `contents` in the order of `outputs`; `end` is when they end, in seconds since 1970, and `rotation` the role's generation, which is
  /// kept with them.
  mutating func write(
    _ contents: [SealedContent], until end: Int, rotation: UInt64? = nil
  ) throws(FileOutputError) -> Bool {
    let directory = try openDirectory()
    let present = currentNumber(in: directory)
    if try isCurrent(contents.map(\.version), end, in: directory) { return false }
    // A leftover that can't be removed is in nobody's way: the number goes past it, and it is tried again the next time.
    let leftovers = try removeLeftovers(in: directory, keeping: present.map { [$0] } ?? [])
    let before = present.map { previousGeneration($0, in: directory) }
    let number = max(present ?? 0, lastNumber, leftovers.highest) + 1
    let statuses = try make(
      number, zip(outputs, contents).map { ($0.name, $0.file, $1) }, until: end, rotation, in: directory)
    do throws(FileOutputError) {
      for output in outputs { try link(output.name.description, in: directory) }
      try directory.putLink(Self.current, to: Self.name(number))
    } catch {
      // The reason is the failure before; what can't be removed now is a leftover for the next time.
      try? directory.removeDirectory(Self.name(number))
      throw error
    }
    lastNumber = number
    previous = before
    try directory.sync()
    written = Generation(
      number: number, end: end, rotation: rotation, versions: contents.map(\.version), statuses: statuses)
    // The new one is in place whatever becomes of this; the next look tries again, and reports why it can't be done.
    if previous?.mustGo == true { try? removePrevious(in: directory) }
    return true
  }

  /// What becomes of the generation in place when the next one takes its place. It goes at once if somebody changed something, or if it lets
  /// in whom the outputs don't: those of another process, or of the settings before.
  private func previousGeneration(_ number: UInt64, in directory: borrowing Directory) -> PreviousGeneration {
    let name = Self.name(number)
    guard drifts.isEmpty else { return PreviousGeneration(name: name, end: PreviousGeneration.over, files: [:]) }
    if let written, written.number == number {
      let files = Dictionary(uniqueKeysWithValues: zip(outputs.map(\.name.description), written.statuses))
      return PreviousGeneration(name: name, end: written.end, files: files)
    }
    guard let files = PreviousGeneration.admissibleFiles(of: name, in: directory, outputs) else {
      return PreviousGeneration(name: name, end: PreviousGeneration.over, files: [:])
    }
    // By its own record: another process may have had sessions of another length.
    return PreviousGeneration(name: name, end: recordedEnd(of: number, in: directory), files: files)
  }

  private mutating func removePrevious(in directory: borrowing Directory) throws(FileOutputError) {
    guard let previous else { return }
    // If it can't be removed, the next look tries again, whatever the time given then.
    self.previous?.end = PreviousGeneration.over
    do throws(FileOutputError) {
      try directory.removeDirectory(previous.name)
      self.previous = nil
    } catch .system(.remove, _, EISDIR) {
      // Somebody's directory in it is in nobody's way, and our files in it are gone.
    }
  }

  /// Whether that content, with that end, is in place, and nobody has touched it.
  /// The generation before is removed if it has ended by `now`, in seconds since 1970, or somebody has touched it.
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
    // It has been removed, and is no reason to write another one.
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

  /// Removes what an earlier process wrote if it has ended by `time`. True when there was such content.
  mutating func withdrawEnded(by time: Int) throws(FileOutputError) -> Bool {
    presumedEnd = nil
    drifts = []
    guard let directory = try enterIfPresent(), let number = currentNumber(in: directory) else { return false }
    let generation: Directory
    do throws(FileOutputError) { generation = try directory.openDirectory(Self.name(number)) } catch .system(
      .openDirectory, _, ENOENT)
    { return false }
    // Nobody reads the generation before any more, and it ends earlier.
    for name in try directory.names() where Self.generation(name).map({ $0 != number }) == true {
      try directory.removeDirectory(name)
    }
    guard let end = try Self.end(of: generation) else { return false }
    if Self.recordedEnd(of: generation) == nil { presumedEnd = PresumedEnd(path: generation.path, end: end) }
    guard end <= time else { return false }
    try withdraw()
    return true
  }

  /// 0, so that it goes at the next look, for a generation without a file or one that can't be looked at.
  private func recordedEnd(of number: UInt64, in directory: borrowing Directory) -> Int {
    guard let generation = try? directory.openDirectory(Self.name(number)) else { return 0 }
    return (try? Self.end(of: generation)) ?? 0
  }

  static func recordedEnd(of generation: borrowing Directory) -> Int? {
    generation.target(of: EndRecord.inGeneration).flatMap { Int($0) }
  }

  /// Nil for a generation without a file.
  private static func end(of generation: borrowing Directory) throws(FileOutputError) -> Int? {
    if let end = recordedEnd(of: generation) { return end }
    // All that is there, for the outputs may have had other names then.
    var earliest: Int?
    for name in try generation.names() {
      guard let status = try generation.status(of: name), !status.isSymlink else { continue }
      let end = EndRecord.presumedEnd(of: status)
      earliest = min(earliest ?? end, end)
    }
    return earliest
  }

  /// What readers find, of whatever age.
  var content: OutputContent {
    // Why it can't be looked at is what writing it, or removing it, will report.
    do throws(FileOutputError) {
      guard let directory = try openDirectoryIfPresent(), try directory.status(of: Self.current) != nil,
        let number = currentNumber(in: directory), let inner = try directory.status(of: Self.name(number))
      else { return .absent }
      // What somebody else put there tells nothing, whatever it looks like.
      let status = try directory.status()
      let isOurs = status.uid == geteuid() || Identity(status) == identity
      guard isOurs, inner.uid == geteuid() else { return .unknown }
      let generation = try directory.openDirectory(Self.name(number))
      guard let first = outputs.first?.name, try generation.status(of: first.description) != nil,
        let end = try Self.end(of: generation)
      else { return .absent }
      if let written, written.number == number {
        for (output, before) in zip(outputs, written.statuses) {
          let now = try generation.status(of: output.name.description)
          guard now?.hasContent(of: before) == true else { return .unknown }
        }
      }
      let rotation = generation.target(of: EndRecord.rotationInGeneration).flatMap { UInt64($0) }
      return .present(rotation: rotation, end: end)
    } catch { return .unknown }
  }

  /// Removes the directory, too: the role is no longer among the settings. What isn't ours in it stays, and so does the directory then.
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
    _ rotation: UInt64?, in directory: borrowing Directory
  ) throws(FileOutputError) -> [FileStatus] {
    let name = Self.name(number)
    do throws(FileOutputError) {
      _ = try directory.makeDirectory(name)
      let generation = try directory.openDirectory(name)
      try generation.removeACLs(of: generation.descriptor, generation.path)
      var statuses: [FileStatus] = []
      for (name, file, content) in files {
        statuses.append(try generation.create(name.description, as: file, content))
      }
      try generation.makeLink(EndRecord.inGeneration, to: "\(end)")
      if let rotation { try generation.makeLink(EndRecord.rotationInGeneration, to: "\(rotation)") }
      try generation.setMode(Self.directoryMode)
      try generation.sync()
      return statuses
    } catch {
      // As above.
      try? directory.removeDirectory(name)
      throw error
    }
  }

  /// Made before the first swap, when it points to nothing yet: so the outputs appear together, too.
  func link(_ name: String, in directory: borrowing Directory) throws(FileOutputError) {
    let target = "\(Self.current)/\(name)"
    if directory.target(of: name) == target { return }
    if try directory.status(of: name)?.isDirectory == true {
      throw .inTheWay(path: directory.path(of: name), what: "directory")
    }
    try directory.putLink(name, to: target)
  }

  private mutating func isCurrent(
    _ versions: [UInt64], _ end: Int, in directory: borrowing Directory
  ) throws(FileOutputError) -> Bool {
    // The directory's own drift has been found as it was opened.
    guard let written else { return false }
    drifts += try drifts(from: written, in: directory)
    return drifts.isEmpty && written.versions == versions && written.end == end
  }

  private func drifts(
    from written: Generation, in directory: borrowing Directory
  ) throws(FileOutputError) -> [OutputDrift] {
    let name = Self.name(written.number)
    if let found = try directory.drift(ofLink: Self.current, to: name) {
      return [OutputDrift(path: directory.path(of: Self.current), found: found)]
    }
    guard let status = try directory.status(of: name), status.isDirectory else {
      let found = try directory.status(of: name) == nil ? "missing" : "not a directory"
      return [OutputDrift(path: directory.path(of: name), found: found)]
    }
    var drifts: [OutputDrift] = []
    var found: [String] = []
    if status.permissions != Self.directoryMode || status.uid != geteuid() { found.append("\(status.access)") }
    if clinux_has_acl(directory.descriptor, name) == 1 { found.append("an access control list") }
    let isRight = found.isEmpty
    if !isRight {
      drifts.append(OutputDrift(path: directory.path(of: name), found: found.joined(separator: ", ")))
      // The new generation takes its place at once, but this one stays for those who read it.
      guard status.uid == geteuid() else { return drifts }
      try directory.restore(name, mode: Self.directoryMode)
    }
    let generation = try directory.openDirectory(name)
    if !isRight {
      try generation.removeACLs(of: generation.descriptor, generation.path)
      // An access control list's mask shows in the mode.
      try generation.setMode(Self.directoryMode)
    } else if let found = try generation.drift(ofLink: EndRecord.inGeneration, to: "\(written.end)") {
      drifts.append(OutputDrift(path: generation.path(of: EndRecord.inGeneration), found: found))
    }
    if isRight, let rotation = written.rotation,
      let found = try generation.drift(ofLink: EndRecord.rotationInGeneration, to: "\(rotation)")
    {
      drifts.append(OutputDrift(path: generation.path(of: EndRecord.rotationInGeneration), found: found))
    }
    for (output, status) in zip(outputs, written.statuses) {
      let name = output.name.description
      var found = try directory.drift(ofLink: name, to: "\(Self.current)/\(name)")
      if found == nil { found = try generation.drift(of: name, from: status) }
      if let found { drifts.append(OutputDrift(path: directory.path(of: name), found: found)) }
    }
    return drifts
  }

  /// What couldn't be removed: the highest number of a generation among it, 0 for none, and what went wrong first.
  struct Leftovers {
    var highest: UInt64 = 0
    var failure: FileOutputError?
  }

  /// Removes other generations, half-made ones among them, links that were not put in place, and those of outputs that are no more.
  func removeLeftovers(
    in directory: borrowing Directory, keeping numbers: [UInt64]
  ) throws(FileOutputError) -> Leftovers {
    let links = Set(outputs.map(\.name.description))
    var leftovers = Leftovers()
    for name in try directory.names() {
      let generation = Self.generation(name)
      do throws(FileOutputError) {
        if let generation {
          if !numbers.contains(generation) { try directory.removeDirectory(name) }
        } else if name.hasSuffix(".rolekeeper-new") {
          try directory.remove(name)
        } else if !links.contains(name), Self.isLinkIntoCurrent(name, in: directory) {
          try directory.remove(name)
        }
      } catch {
        leftovers.failure = leftovers.failure ?? error
        leftovers.highest = max(leftovers.highest, generation ?? 0)
      }
    }
    return leftovers
  }

  private static func isLinkIntoCurrent(_ name: String, in directory: borrowing Directory) -> Bool {
    directory.target(of: name)?.hasPrefix("\(current)/") == true
  }

  static func name(_ number: UInt64) -> String { "\(prefix)\(number)" }

  /// The number that `current` names; nil where there is none, or it can't be seen.
  func presentNumber() -> UInt64? {
    // A directory that can't be opened tells nothing about its content; writing to it will say why.
    guard let directory = try? openDirectoryIfPresent() else { return nil }
    return currentNumber(in: directory)
  }

  func currentNumber(in directory: borrowing Directory) -> UInt64? {
    directory.target(of: Self.current).flatMap(Self.generation)
  }

  /// The number in `gen-` and a number: what else begins so isn't ours, nor is a number so large that none comes after it.
  private static func generation(_ name: String) -> UInt64? {
    guard name.hasPrefix(prefix), let number = UInt64(name.dropFirst(prefix.count)), number < .max else { return nil }
    return name == self.name(number) ? number : nil
  }

  /// Its own drift begins `drifts` again.
  private mutating func openDirectory() throws(FileOutputError) -> Directory {
    drifts = []
    let parent = try openParent()
    let isNew = try parent.makeDirectory(role)
    let directory = try enter(parent)
    let found = try adopt(directory)
    if let found, !isNew, written != nil { drifts.append(OutputDrift(path: path, found: found)) }
    return directory
  }

  /// Opens the role's directory; one of ours that doesn't let us in gets its mode back first.
  private mutating func enter(_ parent: borrowing Directory) throws(FileOutputError) -> Directory {
    do throws(FileOutputError) {
      return try parent.openDirectory(role)
    } catch .system(.openDirectory, let path, EACCES) {
      guard let status = try parent.status(of: role), status.isDirectory else {
        throw .system(.openDirectory, path: path, errno: EACCES)
      }
      guard status.uid == geteuid() else { throw foreign(status) }
      try parent.restore(role, mode: Self.directoryMode)
      drifts.append(OutputDrift(path: path, found: Self.text(of: status)))
      return try parent.openDirectory(role)
    }
  }

  /// What it holds isn't known any more, whoever made it.
  private func foreign(_ status: FileStatus) -> FileOutputError {
    .foreignDirectory(
      path: path, uid: status.uid, mode: status.permissions,
      origin: identity.map { $0 == Identity(status) ? .ours : .others })
  }

  mutating func enterIfPresent() throws(FileOutputError) -> Directory? {
    do throws(FileOutputError) {
      return try enter(try Directory(at: parent, calls))
    } catch .missingDirectory { return nil } catch .system(.openDirectory, _, ENOENT) { return nil }
  }

  private static func text(of status: FileStatus) -> String {
    "mode \(status.access.modeText) instead of 0\(String(directoryMode, radix: 8))"
  }

  private func openDirectoryIfPresent() throws(FileOutputError) -> Directory? {
    do throws(FileOutputError) {
      let parent = try Directory(at: parent, calls)
      return try parent.openDirectory(role)
    } catch .missingDirectory { return nil } catch .system(.openDirectory, _, ENOENT) { return nil }
  }

  private func openParent() throws(FileOutputError) -> Directory {
    guard let path = OutputPath(parent) else { throw .unusablePath(parent) }
    let above = try Directory(at: path.directory, calls)
    let isNew = try above.makeDirectory(path.name, .makeParent)
    let parent = try above.openDirectory(path.name)
    if isNew {
      try parent.removeACLs(of: parent.descriptor, parent.path)
      try parent.setMode(Self.directoryMode)
    }
    let status = try parent.status()
    guard status.isWritable(onlyBy: [geteuid()]) else {
      throw parent.looseness(of: status, besides: [geteuid()])
    }
    return parent
  }

  /// The directory is the daemon's, with the mode it should have and no access control list. What was wrong; nil for nothing.
  mutating func adopt(_ directory: borrowing Directory) throws(FileOutputError) -> String? {
    let status = try directory.status()
    guard status.uid == geteuid() else { throw foreign(status) }
    identity = Identity(status)
    let hadACL = try directory.removeACLs(of: directory.descriptor, directory.path)
    var found: [String] = []
    if status.permissions != Self.directoryMode { found.append(Self.text(of: status)) }
    if hadACL { found.append("an access control list") }
    guard !found.isEmpty else { return nil }
    try directory.setMode(Self.directoryMode)
    return found.joined(separator: ", ")
  }
}
