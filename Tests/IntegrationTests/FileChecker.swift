import Glibc
import Laboratory
import Synchronization
import TestSupport

/// Reads a role's files over and over on a thread of its own, and notes whatever isn't whole, as it should be, or of one generation.
final class FileChecker: Sendable {
  struct Watched: Sendable {
    /// The role's directory; holds `credentials.json` and `credentials.env`.
    let home: String
    /// A JSON document outside of it.
    let elsewhere: String
    let uid: UInt32
    let mode: UInt32
  }

  private struct State {
    var looks = 0
    var faults: [String] = []
    var generations: Set<String> = []
  }

  private let watched: Watched
  private let isOver = Atomic(false)
  private let state = Mutex(State())
  private let thread = Mutex<pthread_t?>(nil)

  /// All files are there already.
  init(_ watched: Watched) {
    self.watched = watched
    var thread = pthread_t()
    pthread_create(
      &thread, nil,
      { checker in
        let checker = Unmanaged<FileChecker>.fromOpaque(checker!).takeRetainedValue()
        while !checker.isOver.load(ordering: .relaxed) { checker.look() }
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    self.thread.withLock { $0 = thread }
  }

  /// How often all was looked at, the names of the generations seen, and the first of what was wrong.
  func stop() -> (looks: Int, generations: Int, faults: [String]) {
    isOver.store(true, ordering: .relaxed)
    if let thread = thread.withLock({ $0 }) { pthread_join(thread, nil) }
    return state.withLock { ($0.looks, $0.generations.count, Array($0.faults.prefix(10))) }
  }

  private func look() {
    var faults: [String] = []
    for path in ["\(watched.home)/credentials.json", watched.elsewhere] {
      _ = keyID(openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC), path, &faults)
    }
    let generation = lookAtCurrent(&faults)
    state.withLock { state in
      state.looks += 1
      state.faults += faults
      if let generation { state.generations.insert(generation) }
    }
  }

  /// `current` names a generation whose files are of one session. One that is being replaced is looked at another time.
  private func lookAtCurrent(_ faults: inout [String]) -> String? {
    let current = "\(watched.home)/current"
    guard let name = Self.target(current) else {
      faults.append("no 'current': \(String(cString: strerror(errno)))")
      return nil
    }
    var found: [String] = []
    let generation = open("\(watched.home)/\(name)", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { if generation >= 0 { close(generation) } }
    let json = openat(generation, "credentials.json", O_RDONLY | O_CLOEXEC)
    let variables = openat(generation, "credentials.env", O_RDONLY | O_CLOEXEC)
    let id = keyID(json, "\(name)/credentials.json", &found)
    let text = content(variables, "\(name)/credentials.env", &found) ?? ""
    if let id, !text.contains("'\(id)'") || !text.hasSuffix("ROLEKEEPER_EXPIRATION\n") {
      found.append("\(name): the two files aren't of one session, or torn")
    }
    // It went while it was looked at: two swaps later it is removed.
    if !found.isEmpty, Self.target(current) != name { return nil }
    faults += found
    return name
  }

  private func keyID(_ descriptor: CInt, _ name: String, _ faults: inout [String]) -> String? {
    guard let text = content(descriptor, name, &faults) else { return nil }
    // Why it can't be read doesn't matter: it isn't whole.
    guard let credential = try? Credential(document: text), text.hasSuffix("}\n"), credential.keyID.hasPrefix("STS.")
    else {
      faults.append("\(name) is torn: \(text.utf8.count) bytes")
      return nil
    }
    return credential.keyID
  }

  /// Reads all of an opened file and closes it.
  private func content(_ descriptor: CInt, _ name: String, _ faults: inout [String]) -> String? {
    guard descriptor >= 0 else {
      faults.append("\(name): \(String(cString: strerror(errno)))")
      return nil
    }
    defer { close(descriptor) }
    var status = stat()
    fstat(descriptor, &status)
    if status.st_mode & 0o7777 != watched.mode || status.st_uid != watched.uid {
      faults.append("\(name): mode 0\(String(status.st_mode & 0o7777, radix: 8)), owner \(status.st_uid)")
    }
    return FileText.read("/proc/self/fd/\(descriptor)")
  }

  static func target(_ path: String) -> String? {
    var buffer = [CChar](repeating: 0, count: 4096)
    let count = readlink(path, &buffer, buffer.count)
    return count < 0 ? nil : String(decoding: buffer[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
