/// What was found at the paths in the arguments, in order.
///
/// An entry takes 56 bytes and its file name: 100,000 files take some 9 MB.
package struct InputList: Sendable, RandomAccessCollection {
  private enum Kind: UInt8 {
    case file, unreadable, duplicate, sameDirectory, skipped, failed, watched, inWatched, notUTF8, tooDeep,
      foreignExtension, notRegular
  }

  /// Reasons that are a number each.
  private static let plainReasons: [SkipReason] = [
    .hidden, .sidecar, .journal, .report, .titles, .foreignExtension, .notRegular, .link, .takenUp, .changed, .gone,
    .lateSidecar,
  ]

  private struct Slot {
    var identity = FileIdentity(size: 0, modified: 0, inode: 0, device: 0)
    let nameStart: Int
    let directory: Int32
    let nameLength: UInt16
    let kind: Kind
    var wasNamed = false
    /// An errno, the reason why it is skipped, where in `originals` the other path is, or of a file the mark of its sidecar.
    var code: Int32 = 0
  }

  /// A directory's path as it was given, and with links resolved.
  struct Directory: Sendable {
    let path: String
    let resolvedPath: String
  }

  private var slots: [Slot] = []
  private var names: [UInt8] = []
  private(set) var directories: [Directory] = []
  /// Paths of what others are the same as.
  private var originals: [String] = []
  /// The numbers of directories by a hash of their paths; nil until one is looked for.
  private var numbers: [Int: Int]?
  /// How many entries are files to upload, and their total size.
  package private(set) var fileCount = 0
  package private(set) var totalSize: Int64 = 0

  package init() {}

  package var startIndex: Int { 0 }
  package var endIndex: Int { slots.count }

  package subscript(index: Int) -> InputEntry {
    let slot = slots[index]
    let content: InputEntry.Content =
      switch slot.kind {
      case .file: .file(file(of: slot))
      case .duplicate: .duplicate(file(of: slot), of: originals[Int(slot.code)])
      case .sameDirectory: .skipped(.sameDirectory(as: originals[Int(slot.code)]))
      case .skipped: .skipped(Self.plainReasons[Int(slot.code)])
      case .unreadable, .failed: .failed(.system(slot.code))
      case .watched: .failed(.watched(slot.code))
      case .inWatched: .failed(.inWatched(slot.code))
      case .notUTF8: .failed(.notUTF8)
      case .tooDeep: .failed(.tooDeep)
      case .foreignExtension: .failed(.foreignExtension)
      case .notRegular: .failed(.notRegular)
      }
    return InputEntry(path: path(of: slot), content: content)
  }

  /// The file at `index`; nil if the entry isn't uploaded.
  package func file(at index: Int) -> VideoFile? {
    slots[index].kind == .file ? file(of: slots[index]) : nil
  }

  package func isFile(at index: Int) -> Bool { slots[index].kind == .file }

  /// The file at `index` that was found before under another name; nil of anything else.
  package func duplicate(at index: Int) -> VideoFile? {
    slots[index].kind == .duplicate ? file(of: slots[index]) : nil
  }

  /// Whether what is at `index` has an identity, which may still change.
  func isRegularFile(at index: Int) -> Bool { [.file, .duplicate].contains(slots[index].kind) }

  /// Whether it would be a file to be uploaded if this user might read it.
  func isUnreadable(at index: Int) -> Bool { slots[index].kind == .unreadable }

  /// What a file's sidecar is, which changes when that is written to; 0 where none was looked for, or there is none.
  func sidecarMark(at index: Int) -> Int32 { slots[index].kind == .file ? slots[index].code : 0 }

  /// A hash of the entry without its path: a file's identity, or why it isn't uploaded.
  func contentHash(at index: Int) -> Int {
    let slot = slots[index]
    var hasher = Hasher()
    // A file that can't be read for a while is the same one.
    hasher.combine(slot.kind == .unreadable ? .file : slot.kind)
    let hasIdentity = isRegularFile(at: index) || isUnreadable(at: index)
    if hasIdentity { hasher.combine(slot.identity) } else { hasher.combine(slot.code) }
    return hasher.finalize()
  }

  /// A hash of the bytes of each path, in order.
  var pathHashes: [Int] {
    let beginnings = directories.map { directory in
      var hasher = Hasher()
      var path = Self.path(directory.path, "")
      path.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
      return hasher
    }
    return names.withUnsafeBytes { names in
      slots.map { slot in
        var hasher = beginnings[Int(slot.directory)]
        hasher.combine(bytes: .init(rebasing: names[slot.nameStart..<slot.nameStart + Int(slot.nameLength)]))
        return hasher.finalize()
      }
    }
  }

  private func file(of slot: Slot) -> VideoFile {
    let resolved = Self.path(directories[Int(slot.directory)].resolvedPath, name(of: slot))
    return VideoFile(
      path: path(of: slot), resolvedPath: resolved, identity: slot.identity, wasNamed: slot.wasNamed)
  }

  private func path(of slot: Slot) -> String { Self.path(directories[Int(slot.directory)].path, name(of: slot)) }

  private func name(of slot: Slot) -> String {
    String(decoding: names[slot.nameStart..<slot.nameStart + Int(slot.nameLength)], as: UTF8.self)
  }

  /// A path in a directory, whose own path may be empty for the working directory.
  static func path(_ directory: String, _ name: String) -> String {
    directory.isEmpty || directory.utf8.last == UInt8(ascii: "/") ? directory + name : "\(directory)/\(name)"
  }
}

extension InputList {
  /// Adds a directory for entries; returns its index.
  mutating func add(_ directory: Directory) -> Int {
    directories.append(directory)
    return directories.count - 1
  }

  mutating func add(
    _ name: some Collection<UInt8>, in directory: Int, _ identity: FileIdentity, sidecarMark: Int32 = 0,
    wasNamed: Bool = false
  ) {
    append(name, directory, .file, identity, code: sidecarMark, wasNamed: wasNamed)
    fileCount += 1
    totalSize = totalSize.saturatingAdd(identity.size)
  }

  /// Adds a file that can't be read now, by an errno.
  mutating func add(
    _ name: some Collection<UInt8>, in directory: Int, _ identity: FileIdentity, unreadable number: CInt
  ) {
    append(name, directory, .unreadable, identity, code: number)
  }

  /// Adds another name of the file `identity`, which is at `original`.
  mutating func add(
    _ name: some Collection<UInt8>, in directory: Int, _ identity: FileIdentity, duplicateOf original: String
  ) {
    append(name, directory, .duplicate, identity, code: place(of: original))
  }

  private mutating func place(of original: String) -> Int32 {
    if originals.last?.utf8.elementsEqual(original.utf8) != true { originals.append(original) }
    return Int32(originals.count - 1)
  }

  mutating func skip(_ name: some Collection<UInt8>, in directory: Int, _ reason: SkipReason) {
    switch reason {
    case .sameDirectory(let original): append(name, directory, .sameDirectory, code: place(of: original))
    default:
      guard let code = Self.plainReasons.firstIndex(of: reason) else { preconditionFailure("an unknown reason") }
      append(name, directory, .skipped, code: Int32(code))
    }
  }

  mutating func fail(_ name: some Collection<UInt8>, in directory: Int, _ problem: InputProblem) {
    switch problem {
    case .system(let number): append(name, directory, .failed, code: number)
    case .watched(let number): append(name, directory, .watched, code: number)
    case .inWatched(let number): append(name, directory, .inWatched, code: number)
    case .notUTF8: append(name, directory, .notUTF8)
    case .tooDeep: append(name, directory, .tooDeep)
    case .foreignExtension: append(name, directory, .foreignExtension)
    case .notRegular: append(name, directory, .notRegular)
    }
  }

  /// Adds the entry at `index` of another list.
  mutating func append(_ index: Int, of other: InputList) {
    let slot = other.slots[index]
    let directory = number(of: other.directories[Int(slot.directory)])
    let name = other.names[slot.nameStart..<slot.nameStart + Int(slot.nameLength)]
    var code = slot.code
    if [.duplicate, .sameDirectory].contains(slot.kind) { code = place(of: other.originals[Int(code)]) }
    append(name, directory, slot.kind, slot.identity, code: code, wasNamed: slot.wasNamed)
    guard slot.kind == .file else { return }
    fileCount += 1
    totalSize = totalSize.saturatingAdd(slot.identity.size)
  }

  /// Adds an entry by itself.
  mutating func append(_ entry: InputEntry) {
    let name = FileName.last(of: entry.path)
    func directory(of path: String) -> String { String(decoding: path.utf8.dropLast(name.utf8.count), as: UTF8.self) }
    var resolved = ""
    switch entry.content {
    case .file(let file), .duplicate(let file, _): resolved = directory(of: file.resolvedPath)
    case .skipped, .failed: break
    }
    let number = number(of: Directory(path: directory(of: entry.path), resolvedPath: resolved))
    switch entry.content {
    case .file(let file): add(name.utf8, in: number, file.identity, wasNamed: file.wasNamed)
    case .duplicate(let file, let original): add(name.utf8, in: number, file.identity, duplicateOf: original)
    case .skipped(let reason): skip(name.utf8, in: number, reason)
    case .failed(let problem): fail(name.utf8, in: number, problem)
    }
  }

  /// The index of the directory, which is added if it is new.
  private mutating func number(of directory: Directory) -> Int {
    if let last = directories.last, last.isSame(as: directory) { return directories.count - 1 }
    var numbers = self.numbers ?? [:]
    self.numbers = nil
    defer { self.numbers = numbers }
    if numbers.isEmpty { for (number, one) in directories.enumerated() { numbers[one.pathHash] = number } }
    let hash = directory.pathHash
    if let known = numbers[hash], directories[known].isSame(as: directory) { return known }
    let number = add(directory)
    numbers[hash] = number
    return number
  }

  private mutating func append(
    _ name: some Collection<UInt8>, _ directory: Int, _ kind: Kind,
    _ identity: FileIdentity = FileIdentity(size: 0, modified: 0, inode: 0, device: 0), code: Int32 = 0,
    wasNamed: Bool = false
  ) {
    // A name has at most 255 bytes; what is given as one on the command line may be anything.
    let name = name.prefix(Int(UInt16.max))
    slots.append(
      Slot(
        identity: identity, nameStart: names.count, directory: Int32(directory), nameLength: UInt16(name.count),
        kind: kind, wasNamed: wasNamed, code: code))
    names.append(contentsOf: name)
  }
}

extension InputList.Directory {
  // Strings compare equal if they look alike (Unicode's canonical equivalence), but paths differ.
  fileprivate func isSame(as other: Self) -> Bool {
    path.utf8.elementsEqual(other.path.utf8) && resolvedPath.utf8.elementsEqual(other.resolvedPath.utf8)
  }

  fileprivate var pathHash: Int { JournalState.hash(of: "\(path)\0\(resolvedPath)") }
}
