import Glibc

/// The service manager's end of sd_notify(3): what a program under test announces, message by message.
package final class NotifySocket {
  package let path: String
  private let descriptor: CInt
  private var seen: [String] = []
  /// What the program, or one before it, had stored and not removed: its last descriptor of each name.
  private var stored: [String: CInt]

  /// `stored` is what is kept for the program already; the descriptors are this value's to close.
  package init(
    in directory: TemporaryDirectory, named name: String = "notify", stored: [(name: String, descriptor: CInt)] = []
  ) throws {
    self.stored = Dictionary(uniqueKeysWithValues: stored.map { ($0.name, $0.descriptor) })
    path = directory.path(name)
    descriptor = socket(AF_UNIX, CInt(SOCK_DGRAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    let bound = try UnixAddress(path: path).bind(descriptor)
    guard bound == 0 else { throw NotifyError.bind(errno) }
    // Programs under test may run as other users.
    chmod(path, 0o777)
  }

  /// Waits for a message that contains `line` as one of its lines, or that starts with it, at most `seconds`.
  @discardableResult
  package func wait(for line: String, seconds: Int = 30) throws -> String {
    if let index = seen.firstIndex(where: { Self.holds($0, line) }) { return seen.remove(at: index) }
    var limit = timeval(tv_sec: seconds, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
    while true {
      guard let message = receive(flags: 0) else { throw NotifyError.silent(waitedFor: line, seen: seen) }
      if Self.holds(message, line) { return message }
      seen.append(message)
    }
  }

  /// The next message; what it says of descriptors is done as the service manager does it.
  private func receive(flags: CInt) -> String? {
    var message = PassedMessage()
    guard message.receive(from: descriptor, flags: flags) else { return nil }
    let lines = message.text.split(separator: "\n")
    let name = lines.first { $0.hasPrefix("FDNAME=") }.map { String($0.dropFirst("FDNAME=".count)) } ?? "stored"
    // Both in one message remove alone.
    if lines.contains("FDSTOREREMOVE=1") {
      stored.removeValue(forKey: name).map { _ = close($0) }
    } else if lines.contains("FDSTORE=1"), let passed = message.descriptors.first {
      stored.updateValue(passed, forKey: name).map { _ = close($0) }
      return message.text
    }
    for passed in message.descriptors { close(passed) }
    return message.text
  }

  /// What the program's successor is to inherit, with the names; they are the caller's to close.
  package func takeStored() -> [(name: String, descriptor: CInt)] {
    drain()
    defer { stored = [:] }
    return stored.map { ($0.key, $0.value) }
  }

  /// Puts another descriptor in the place of each that is stored.
  package func replaceStored(by other: (CInt) throws -> CInt) rethrows {
    drain()
    for (name, descriptor) in stored {
      stored[name] = try other(descriptor)
      close(descriptor)
    }
  }

  /// The names under which it has stored something.
  package var storedNames: [String] {
    drain()
    return stored.keys.sorted()
  }

  /// Reads what has come, so that there is room for more.
  package func drain() {
    while let message = receive(flags: CInt(MSG_DONTWAIT)) { seen.append(message) }
  }

  /// All that has come and that nobody waited for.
  package func messages() -> String {
    drain()
    return seen.joined(separator: "\n")
  }

  private static func holds(_ message: String, _ line: String) -> Bool {
    message.split(separator: "\n").contains { $0.hasPrefix(line) }
  }

  deinit {
    close(descriptor)
    for passed in stored.values { close(passed) }
  }
}

private enum NotifyError: Error {
  case bind(CInt)
  case silent(waitedFor: String, seen: [String])
}
