import Core
import Glibc
import Synchronization

/// Lists the paths in the arguments: files as they are, and directories recursively.
///
/// Names are in the order of their bytes, files and directories together. Inside a directory, links aren't followed,
/// and hidden names (those that begin with a dot) are ignored. A file or directory that is found twice, under whatever
/// names, is listed once.
package struct InputScan {
  package struct Settings: Sendable {
    /// The extensions of files to upload, in lower case without a dot.
    package var extensions: Set<String>
    /// The batch's own files, and why they are skipped.
    package var ownFiles: [(device: UInt64, inode: UInt64, reason: SkipReason)] = []
    /// Whether sidecars in directories are examined as well, so that changes to them are detected.
    package var marksSidecars = false
    /// Whether files below directories that this user may not read are listed as such, so that it shows when they can be.
    package var checksAccess = false

    package init(extensions: Set<String>) { self.extensions = extensions }

    /// Skips the file that is at `path` now, if any.
    package mutating func skip(_ path: String, as reason: SkipReason) {
      var status = stat()
      guard stat(path, &status) == 0 else { return }
      let (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
      if ownFiles.contains(where: { $0.device == device && $0.inode == inode }) { return }
      ownFiles.append((device, inode, reason))
    }
  }

  static let maxDepth = 128

  private struct Place: Hashable {
    let device: UInt64
    let inode: UInt64
  }

  private let settings: Settings
  private let ownInodes: Set<UInt64>
  private let hasSeveralArguments: Bool
  private var list = InputList()
  /// Where in the list they are.
  private var seenFiles: [Place: Int32] = [:]
  /// Their numbers.
  private var seenDirectories: [Place: Int32] = [:]

  /// `arguments` are paths, with the bytes that the program was given.
  package static func list(_ arguments: [[UInt8]], _ settings: Settings) -> InputList {
    var scan = InputScan(settings, count: arguments.count)
    for argument in arguments { scan.take(argument) }
    return scan.list
  }

  /// Lists watched directories repeatedly. A journal that was moved away is written to its place again, and both files
  /// are the batch's own: every file that has been at `journal` is ignored, wherever it is.
  package static func lister(
    of directories: [String], _ settings: Settings, journal: String
  ) -> @Sendable () -> InputList {
    let arguments = directories.map { Array($0.utf8) }
    let known = KnownFiles(settings)
    return { list(arguments, known.adding(journal, as: .journal)) }
  }

  /// Settings whose set of own files grows.
  private final class KnownFiles: Sendable {
    private let settings: Mutex<Settings>

    init(_ settings: Settings) { self.settings = Mutex(settings) }

    func adding(_ path: String, as reason: SkipReason) -> Settings {
      settings.withLock { settings in
        settings.skip(path, as: reason)
        return settings
      }
    }
  }

  private init(_ settings: Settings, count: Int) {
    self.settings = settings
    ownInodes = Set(settings.ownFiles.map(\.inode))
    hasSeveralArguments = count > 1
  }

  private mutating func take(_ argument: [UInt8]) {
    let (parent, name) = Self.split(argument)
    guard let path = String(validating: argument, as: UTF8.self) else {
      let directory = directory(String(decoding: parent, as: UTF8.self), resolved: "")
      return list.fail(name, in: directory, .notUTF8)
    }
    guard let status = FileStatus(path) else {
      let problem = InputProblem.system(errno)
      return list.fail(name, in: directory(String(decoding: parent, as: UTF8.self), resolved: ""), problem)
    }
    if status.type == S_IFDIR { return takeDirectory(path) }
    let given = String(decoding: parent, as: UTF8.self)
    guard let resolved = Self.resolved(given.isEmpty ? "." : given) else {
      let problem = InputProblem.system(errno)
      return list.fail(name, in: directory(given, resolved: ""), problem)
    }
    let directory = directory(given, resolved: resolved)
    take(name, in: directory, status, sidecar: isSidecar(name, in: given), wasNamed: true)
  }

  /// Lists a directory that was named in the arguments, also through a link.
  private mutating func takeDirectory(_ path: String) {
    var given = path[...]
    while given.utf8.count > 1, given.utf8.last == UInt8(ascii: "/") { given = given.dropLast() }
    let (parent, name) = Self.split(Array(given.utf8))
    do throws(InputProblem) {
      let open = try InputDirectory(path, in: AT_FDCWD, followsLink: true)
      guard let resolved = Self.resolved(path) else { throw .system(errno) }
      scan(open, InputList.Directory(path: String(given), resolvedPath: resolved), depth: 1)
    } catch {
      list.fail(name, in: directory(String(decoding: parent, as: UTF8.self), resolved: ""), error)
    }
  }

  private mutating func scan(_ open: InputDirectory, _ paths: InputList.Directory, depth: Int) {
    let number = list.add(paths)
    if let place = Self.place(open.descriptor) {
      if let known = seenDirectories[place] {
        return list.skip("".utf8, in: number, .sameDirectory(as: list.directories[Int(known)].path))
      }
      seenDirectories[place] = Int32(number)
    }
    if let failure = open.failure { list.fail("".utf8, in: number, failure) }
    for name in open.names {
      guard let text = String(validating: open[name], as: UTF8.self) else {
        list.fail(open[name], in: number, .notUTF8)
        continue
      }
      if text.utf8.first == UInt8(ascii: ".") {
        list.skip(text.utf8, in: number, .hidden)
      } else {
        take(name, text, of: open, number, paths, depth)
      }
    }
  }

  private mutating func take(
    _ name: InputDirectory.Name, _ text: String, of open: InputDirectory, _ number: Int, _ paths: InputList.Directory,
    _ depth: Int
  ) {
    do throws(InputProblem) {
      var type = Int(name.type)
      // Most names need no further system call.
      if type == DT_REG, !takes(text), !ownInodes.contains(name.inode) {
        return list.skip(text.utf8, in: number, isSidecar(text, in: open) ? .sidecar : .foreignExtension)
      }
      var status: FileStatus?
      if type == DT_UNKNOWN || type == DT_REG {
        let found = try open.status(of: text)
        type = Int(found.type) >> 12  // IFTODT of <dirent.h>
        status = found
      }
      switch type {
      case DT_DIR:
        guard depth < Self.maxDepth else { throw .tooDeep }
        let paths = InputList.Directory(
          path: InputList.path(paths.path, text), resolvedPath: InputList.path(paths.resolvedPath, text))
        scan(try InputDirectory(text, in: open.descriptor, followsLink: false), paths, depth: depth + 1)
      case DT_LNK: list.skip(text.utf8, in: number, .link)
      case DT_REG:
        guard let status else { preconditionFailure("a file that wasn't examined") }
        take(
          Array(text.utf8)[...], in: number, status, sidecar: isSidecar(text, in: open),
          sidecarMark: sidecarMark(of: text, in: open), isReadable: mayRead(text, status, in: open))
      default: list.skip(text.utf8, in: number, .notRegular)
      }
    } catch {
      // It was removed after its name was read, which is no error.
      if error != .system(ENOENT) { list.fail(text.utf8, in: number, error) }
    }
  }

  private mutating func take(
    _ name: ArraySlice<UInt8>, in directory: Int, _ status: FileStatus, sidecar: Bool, sidecarMark: Int32 = 0,
    isReadable: Bool = true, wasNamed: Bool = false
  ) {
    let place = Place(device: status.device, inode: status.inode)
    if status.type != S_IFREG {
      return wasNamed ? list.fail(name, in: directory, .notRegular) : list.skip(name, in: directory, .notRegular)
    }
    if let own = settings.ownFiles.first(where: { $0.device == place.device && $0.inode == place.inode }) {
      return list.skip(name, in: directory, own.reason)
    }
    if !takes(String(decoding: name, as: UTF8.self)) {
      if sidecar { return list.skip(name, in: directory, .sidecar) }
      return wasNamed
        ? list.fail(name, in: directory, .foreignExtension) : list.skip(name, in: directory, .foreignExtension)
    }
    // A file with one name is met once, where there is one argument.
    if hasSeveralArguments || status.links > 1 {
      if let known = seenFiles[place] {
        return list.add(name, in: directory, status.identity, duplicateOf: list[Int(known)].path)
      }
      seenFiles[place] = Int32(list.count)
    }
    if !isReadable { return list.add(name, in: directory, status.identity, unreadable: EACCES) }
    list.add(name, in: directory, status.identity, sidecarMark: sidecarMark, wasNamed: wasNamed)
  }
}

extension InputScan {
  private func takes(_ name: String) -> Bool {
    FileName.split(name).suffix.map { settings.extensions.contains($0.lowercased()) } ?? false
  }

  /// Whether `NAME.json` is beside a video NAME, or NAME with an extension.
  private func isSidecar(_ name: String, in open: InputDirectory) -> Bool {
    guard let stem = Sidecar.subject(of: name) else { return false }
    return open.names(beginningWith: Array(stem.utf8)).contains {
      guard let other = String(validating: $0, as: UTF8.self), takes(other) else { return false }
      return other.utf8.elementsEqual(stem.utf8) || FileName.split(other).stem.utf8.elementsEqual(stem.utf8)
    }
  }

  /// The same for a file that was named in the arguments, for which the directory isn't read.
  private func isSidecar(_ name: ArraySlice<UInt8>, in directory: String) -> Bool {
    let path = InputList.path(directory, String(decoding: name, as: UTF8.self))
    return Self.video(describedBy: path, extensions: settings.extensions) != nil
  }

  private func mayRead(_ name: String, _ status: FileStatus, in open: InputDirectory) -> Bool {
    !settings.checksAccess || open.mayRead(Array(name.utf8CString), mode: status.mode)
  }

  /// A hash of the file's sidecars; 0 if it has none.
  private func sidecarMark(of name: String, in open: InputDirectory) -> Int32 {
    guard settings.marksSidecars else { return 0 }
    var hasher = Hasher()
    var isThere = false
    for sidecar in Sidecar.names(for: name) where open.has(sidecar) {
      // A sidecar that has vanished counts as missing.
      guard let status = try? open.status(of: sidecar) else { continue }
      hasher.combine(status.identity)
      isThere = true
    }
    return isThere ? Int32(truncatingIfNeeded: hasher.finalize() | 1) : 0
  }

  /// The video that a sidecar at `path` describes or would describe; nil if there is none.
  static func video(describedBy path: String, extensions: Set<String>) -> String? {
    let name = FileName.last(of: path)
    guard let stem = Sidecar.subject(of: name) else { return nil }
    let directory = String(decoding: path.utf8.dropLast(name.utf8.count), as: UTF8.self)
    let isWhole = FileName.split(stem).suffix.map { extensions.contains($0.lowercased()) } ?? false
    let names = (isWhole ? [stem] : []) + extensions.flatMap { ["\(stem).\($0)", "\(stem).\($0.uppercased())"] }
    return names.sorted().map { directory + $0 }.first { access($0, F_OK) == 0 }
  }

  /// The index of the path's directory in the list; consecutive arguments often have the same one.
  private mutating func directory(_ path: String, resolved: String) -> Int {
    if let last = list.directories.last, last.path.utf8.elementsEqual(path.utf8),
      last.resolvedPath.utf8.elementsEqual(resolved.utf8)
    {
      return list.directories.count - 1
    }
    return list.add(InputList.Directory(path: path, resolvedPath: resolved))
  }

  /// A path's directory, which is empty for the working directory, and its file name.
  private static func split(_ path: [UInt8]) -> (parent: ArraySlice<UInt8>, name: ArraySlice<UInt8>) {
    guard let slash = path.lastIndex(of: UInt8(ascii: "/")) else { return ([], path[...]) }
    return (slash == 0 ? path[...0] : path[..<slash], path[(slash + 1)...])
  }

  private static func resolved(_ path: String) -> String? {
    guard let resolved = realpath(path, nil) else { return nil }
    defer { free(resolved) }
    return String(validatingCString: resolved)
  }

  private static func place(_ descriptor: CInt) -> Place? {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    return Place(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }
}
