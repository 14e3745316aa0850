import CommandInterface
import Glibc
import JSON

/// One entry of the journal as `journalctl --output=json` prints it (systemd, "Journal JSON Format"), with the
/// requested fields.
struct JournalEntry {
  /// Microseconds since 1970.
  let time: Int64
  private let fields: [String: String]

  /// Nil for a line that isn't an entry.
  init?(_ line: some Collection<UInt8>, _ names: [String]) {
    let bytes = Array(line)
    guard let document = try? JSONDocument(bytes.span) else { return nil }
    let root = document.root
    guard let time = root["__REALTIME_TIMESTAMP"]?.string().flatMap({ Int64($0) }) else { return nil }
    self.time = time
    var fields: [String: String] = [:]
    // A field that isn't UTF-8 is an array of numbers, and a repeated one an array of strings; the daemon writes
    // neither.
    for name in names { fields[name] = root[name]?.string() }
    self.fields = fields
  }

  subscript(_ name: String) -> String? { fields[name] }
}

/// Reads this host's journal with journalctl(1), whose messages go to stderr.
enum JournalReader {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// Runs journalctl with the arguments `words`, and passes each entry on, with these fields, until `take` returns
  /// false.
  static func read(_ words: [String], _ names: [String], _ take: (JournalEntry) -> Bool) throws {
    var ends: [CInt] = [-1, -1]
    guard pipe(&ends) == 0 else { throw failure("cannot run journalctl", errno) }
    defer { close(ends[0]) }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO)
    // The only variable that it needs is the time zone, by which it reads --since.
    let zone = Environment.value("TZ").map { ["TZ=\($0)"] } ?? []
    var arguments = (["journalctl", "--no-pager", "--output=json"] + words).map { strdup($0) } + [nil]
    var environment = zone.map { strdup($0) } + [nil]
    defer { for pointer in arguments + environment { free(pointer) } }
    var process: pid_t = 0
    let number = posix_spawnp(&process, "journalctl", &actions, nil, &arguments, &environment)
    close(ends[1])
    guard number == 0 else { throw failure("cannot run journalctl", number) }
    let isWhole = pass(on: ends[0], names, take)
    if !isWhole { kill(process, SIGTERM) }
    var status: CInt = 0
    while waitpid(process, &status, 0) < 0, errno == EINTR {}
    // If it was ended here, its exit status means nothing.
    guard !isWhole || status == 0 else { throw Failure(description: "journalctl failed; what it printed says why") }
  }

  /// Returns whether it read to the end.
  private static func pass(on descriptor: CInt, _ names: [String], _ take: (JournalEntry) -> Bool) -> Bool {
    var rest: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = chunk.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { return true }
      rest += chunk[..<count]
      var start = 0
      while let end = rest[start...].firstIndex(of: UInt8(ascii: "\n")) {
        if let entry = JournalEntry(rest[start..<end], names), !take(entry) { return false }
        start = end + 1
      }
      rest.removeFirst(start)
    }
  }

  private static func failure(_ attempt: String, _ number: CInt) -> Failure {
    Failure(description: "\(attempt): \(String(cString: strerror(number)))")
  }
}
