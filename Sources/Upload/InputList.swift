/// What was found where the arguments point, in order.
///
/// An entry takes 56 bytes and its last name: 100,000 files some 9 MB.
package struct InputList: Sendable, RandomAccessCollection {
  private enum Kind: UInt8 {
    case file, skipped, failed, notUTF8, tooDeep
  }

  private struct Slot {
    var identity = FileIdentity(size: 0, modified: 0, inode: 0, device: 0)
    let nameStart: Int
    let directory: Int32
    let nameLength: UInt16
    let kind: Kind
    /// An errno, or the reason why it is skipped.
    var code: Int32 = 0
  }

  /// A directory's path as it was given, and without links.
  struct Directory: Sendable {
    let path: String
    let resolvedPath: String
  }

  private var slots: [Slot] = []
  private var names: [UInt8] = []
  private(set) var directories: [Directory] = []
  /// How many entries are files to be uploaded, and their bytes.
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
      case .skipped: .skipped(SkipReason(rawValue: UInt8(slot.code)) ?? .notRegular)
      case .failed: .failed(.system(slot.code))
      case .notUTF8: .failed(.notUTF8)
      case .tooDeep: .failed(.tooDeep)
      }
    return InputEntry(path: path(of: slot), content: content)
  }

  /// The file at `index`; nil for what isn't uploaded.
  package func file(at index: Int) -> VideoFile? {
    slots[index].kind == .file ? file(of: slots[index]) : nil
  }

  private func file(of slot: Slot) -> VideoFile {
    let resolved = Self.path(directories[Int(slot.directory)].resolvedPath, name(of: slot))
    return VideoFile(path: path(of: slot), resolvedPath: resolved, identity: slot.identity)
  }

  private func path(of slot: Slot) -> String { Self.path(directories[Int(slot.directory)].path, name(of: slot)) }

  private func name(of slot: Slot) -> String {
    String(decoding: names[slot.nameStart..<slot.nameStart + Int(slot.nameLength)], as: UTF8.self)
  }

  /// A name in a directory, whose path may be empty: the working directory.
  static func path(_ directory: String, _ name: String) -> String {
    directory.isEmpty || directory.utf8.last == UInt8(ascii: "/") ? directory + name : "\(directory)/\(name)"
  }
}

extension InputList {
  /// Adds a directory to put names in; returns its number.
  mutating func add(_ directory: Directory) -> Int {
    directories.append(directory)
    return directories.count - 1
  }

  mutating func add(_ name: some Collection<UInt8>, in directory: Int, _ identity: FileIdentity) {
    append(name, directory, .file, identity)
    fileCount += 1
    totalSize = totalSize.saturatingAdd(identity.size)
  }

  mutating func skip(_ name: some Collection<UInt8>, in directory: Int, _ reason: SkipReason) {
    append(name, directory, .skipped, code: Int32(reason.rawValue))
  }

  mutating func fail(_ name: some Collection<UInt8>, in directory: Int, _ problem: InputProblem) {
    switch problem {
    case .system(let number), .watched(let number): append(name, directory, .failed, code: number)
    case .notUTF8: append(name, directory, .notUTF8)
    case .tooDeep: append(name, directory, .tooDeep)
    }
  }

  private mutating func append(
    _ name: some Collection<UInt8>, _ directory: Int, _ kind: Kind,
    _ identity: FileIdentity = FileIdentity(size: 0, modified: 0, inode: 0, device: 0), code: Int32 = 0
  ) {
    // A name has at most 255 bytes; what is given as one on the command line may be anything.
    let name = name.prefix(Int(UInt16.max))
    slots.append(
      Slot(
        identity: identity, nameStart: names.count, directory: Int32(directory), nameLength: UInt16(name.count),
        kind: kind, code: code))
    names.append(contentsOf: name)
  }
}
