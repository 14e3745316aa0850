import Glibc

/// The outputs in a role's directory, which change together.
///
///     roles/uploader/              0711, the daemon's
///       gen-7/credentials.json     the generation before, until the next swap
///       gen-8/credentials.json
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
  private var written: Generation?
  /// The highest number used, so that it grows after a withdrawal too.
  private var lastNumber: UInt64 = 0

  private struct Generation: Sendable {
    let number: UInt64
    let versions: [UInt64]
    let statuses: [FileStatus]
  }

  private static let current = "current"
  private static let prefix = "gen-"
  private static let directoryMode: UInt32 = 0o711

  init(parent: String, role: String, _ outputs: [(name: OutputName, file: OutputFile)]) {
    self.parent = parent
    self.role = role
    self.outputs = outputs
  }

  var path: String { "\(parent)/\(role)" }

  /// True when a new generation is in place; false when the one there holds that content already and nobody has touched it.
  /// `contents` in the order of `outputs`.
  mutating func write(_ contents: [SealedContent]) throws(FileOutputError) -> Bool {
    let directory = try openDirectory()
    let present = currentNumber(in: directory)
    if try isUnchanged(contents, present, in: directory) { return false }
    // A leftover that can't be removed is in nobody's way: the number goes past it, and it is tried again the next time.
    let leftovers = try removeLeftovers(in: directory, keeping: present.map { [$0] } ?? [])
    let number = max(present ?? 0, lastNumber, leftovers.highest) + 1
    let statuses = try make(number, contents, in: directory)
    do throws(FileOutputError) {
      for output in outputs { try link(output.name.description, in: directory) }
      try directory.putLink(Self.current, to: Self.name(number))
    } catch {
      // The reason is the failure before; what can't be removed now is a leftover for the next time.
      try? directory.removeDirectory(Self.name(number))
      throw error
    }
    lastNumber = number
    try directory.sync()
    written = Generation(number: number, versions: contents.map(\.version), statuses: statuses)
    return true
  }

  /// Removes all content: every output reads as missing from one moment on, and the bytes are gone.
  mutating func withdraw() throws(FileOutputError) {
    written = nil
    guard let directory = try openDirectoryIfPresent() else { return }
    lastNumber = max(lastNumber, currentNumber(in: directory) ?? 0)
    try directory.remove(Self.current)
    let leftovers = try removeLeftovers(in: directory, keeping: [])
    try directory.sync()
    if let failure = leftovers.failure { throw failure }
  }

  /// Removes what an earlier process wrote before `time`. True when there was such content.
  mutating func withdrawOld(before time: Int) throws(FileOutputError) -> Bool {
    guard let directory = try openDirectoryIfPresent(), let number = currentNumber(in: directory) else { return false }
    let generation: Directory
    do throws(FileOutputError) { generation = try directory.openDirectory(Self.name(number)) } catch .system(
      .openDirectory, _, ENOENT)
    { return false }
    // All that is there, for the outputs may have had other names then.
    for name in try generation.names() {
      guard let status = try generation.status(of: name), status.writtenSeconds < time else { continue }
      try withdraw()
      return true
    }
    return false
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
  private func make(
    _ number: UInt64, _ contents: [SealedContent], in directory: borrowing Directory
  ) throws(FileOutputError) -> [FileStatus] {
    let name = Self.name(number)
    do throws(FileOutputError) {
      _ = try directory.makeDirectory(name)
      let generation = try directory.openDirectory(name)
      var statuses: [FileStatus] = []
      for (output, content) in zip(outputs, contents) {
        statuses.append(try generation.create(output.name.description, as: output.file, content))
      }
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
  private func link(_ name: String, in directory: borrowing Directory) throws(FileOutputError) {
    let target = "\(Self.current)/\(name)"
    if directory.target(of: name) == target { return }
    if try directory.status(of: name)?.isDirectory == true {
      throw .inTheWay(path: directory.path(of: name), what: "directory")
    }
    try directory.putLink(name, to: target)
  }

  private func isUnchanged(
    _ contents: [SealedContent], _ present: UInt64?, in directory: borrowing Directory
  ) throws(FileOutputError) -> Bool {
    guard let written, written.number == present, written.versions == contents.map(\.version) else { return false }
    let generation: Directory
    do throws(FileOutputError) { generation = try directory.openDirectory(Self.name(written.number)) } catch {
      return false
    }
    guard try generation.status().permissions == Self.directoryMode else { return false }
    for (output, status) in zip(outputs, written.statuses) {
      let name = output.name.description
      guard directory.target(of: name) == "\(Self.current)/\(name)", try generation.status(of: name) == status else {
        return false
      }
    }
    return true
  }

  /// What couldn't be removed: the highest number of a generation among it, 0 for none, and what went wrong first.
  private struct Leftovers {
    var highest: UInt64 = 0
    var failure: FileOutputError?
  }

  /// Removes other generations, half-made ones among them, links that were not put in place, and those of outputs that are no more.
  private func removeLeftovers(
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

  private static func name(_ number: UInt64) -> String { "\(prefix)\(number)" }

  /// The number that `current` names; nil where there is none, or it can't be seen.
  func presentNumber() -> UInt64? {
    // A directory that can't be opened tells nothing about its content; writing to it will say why.
    guard let directory = try? openDirectoryIfPresent() else { return nil }
    return currentNumber(in: directory)
  }

  private func currentNumber(in directory: borrowing Directory) -> UInt64? {
    directory.target(of: Self.current).flatMap(Self.generation)
  }

  /// The number in `gen-` and a number: what else begins so isn't ours, nor is a number so large that none comes after it.
  private static func generation(_ name: String) -> UInt64? {
    guard name.hasPrefix(prefix), let number = UInt64(name.dropFirst(prefix.count)), number < .max else { return nil }
    return name == self.name(number) ? number : nil
  }

  private func openDirectory() throws(FileOutputError) -> Directory {
    let parent = try openParent()
    _ = try parent.makeDirectory(role)
    let directory = try parent.openDirectory(role)
    try adopt(directory)
    return directory
  }

  private func openDirectoryIfPresent() throws(FileOutputError) -> Directory? {
    do throws(FileOutputError) {
      let parent = try Directory(at: parent, calls)
      return try parent.openDirectory(role)
    } catch .system(.openDirectory, _, ENOENT) { return nil }
  }

  private func openParent() throws(FileOutputError) -> Directory {
    guard let path = OutputPath(parent) else { throw .unusablePath(parent) }
    let above = try Directory(at: path.directory, calls)
    let isNew = try above.makeDirectory(path.name)
    let parent = try above.openDirectory(path.name)
    if isNew { try parent.setMode(Self.directoryMode) }
    let status = try parent.status()
    guard status.isWritable(onlyBy: [geteuid()]) else {
      throw .looseDirectory(path: parent.path, uid: status.uid, gid: status.gid, mode: status.permissions)
    }
    return parent
  }

  /// The directory is the daemon's, with the mode it should have.
  private func adopt(_ directory: borrowing Directory) throws(FileOutputError) {
    let status = try directory.status()
    guard status.uid == geteuid() else { throw .foreignDirectory(path: directory.path, uid: status.uid) }
    if status.permissions != Self.directoryMode { try directory.setMode(Self.directoryMode) }
  }
}
