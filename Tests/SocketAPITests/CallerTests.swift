import Glibc
import Synchronization
import Systemd
import TestSupport
import Testing

@testable import SocketAPI

/// Who a caller is, for log lines: found without anybody waiting for it.
@Suite struct CallerTests {
  /// Name services that answer when the test lets them, and count.
  private final class Remote: Sendable {
    private let pipe: (read: CInt, write: CInt)
    private let asked = Mutex<[UInt32]>([])

    init() throws {
      var ends: [CInt] = [0, 0]
      guard Glibc.pipe(&ends) == 0 else { throw LoopError(attempt: "pipe", errno: errno) }
      pipe = (ends[0], ends[1])
    }

    var questions: [UInt32] { asked.withLock { $0 } }

    func name(of uid: UInt32) -> String? {
      asked.withLock { $0.append(uid) }
      var byte: UInt8 = 0
      read(pipe.read, &byte, 1)
      return uid == 404 ? nil : "user\(uid)"
    }

    func answer() {
      var byte: UInt8 = 1
      write(pipe.write, &byte, 1)
    }

    deinit {
      close(pipe.read)
      close(pipe.write)
    }
  }

  private let loop: EventLoop
  private let remote: Remote

  init() throws {
    loop = try EventLoop()
    remote = try Remote()
  }

  private func names(longestWait: Duration = .seconds(3600)) throws -> UserNames {
    let sources = UserNames.Sources(
      local: { $0 < 100 ? "local\($0)" : nil }, remote: { [remote] in remote.name(of: $0) })
    return try UserNames(scheduler: loop, sources: sources, longestWait: longestWait)
  }

  /// Turns until `condition` holds; the test run's own time limit ends one that never does.
  private func turn(until condition: () -> Bool) throws {
    while !condition() { try loop.runOnce(timeout: .seconds(1)) }
  }

  @Test func `a user of this host is named at once`() throws {
    var found: [String?] = []
    try names().name(of: 7) { found.append($0) }
    #expect(found == ["local7"])
    #expect(remote.questions.isEmpty)
  }

  @Test func `a user that only a name service knows is named when that answers, and at once the next time`() throws {
    let names = try names()
    var found: [String?] = []
    for uid: UInt32 in [1000, 1000, 404] { names.name(of: uid) { found.append($0) } }
    #expect(found.isEmpty)
    remote.answer()
    try turn { found.count == 2 }
    #expect(found == ["user1000", "user1000"])
    remote.answer()
    try turn { found.count == 3 }
    #expect(found.last == .some(nil))
    for uid: UInt32 in [1000, 404] { names.name(of: uid) { found.append($0) } }
    #expect(found == ["user1000", "user1000", nil, "user1000", nil])
    #expect(remote.questions == [1000, 404])
  }

  @Test func `with name services that hang nobody waits for ever, and one thread does`() throws {
    let names = try names(longestWait: .milliseconds(1))
    var found: [String?] = []
    for uid: UInt32 in 1000..<1010 { names.name(of: uid) { found.append($0) } }
    try turn { found.count == 10 }
    #expect(found.allSatisfy { $0 == nil })
    #expect(remote.questions.count <= 1)
    remote.answer()
    // What it found in the end is known from then on.
    try turn {
      var name: String??
      names.name(of: 1000) { name = .some($0) }
      return name == .some("user1000")
    }
  }

  @Test func `at the end lines go without names`() throws {
    let names = try names()
    var found: [String?] = []
    names.name(of: 1000) { found.append($0) }
    names.flush()
    #expect(found == [nil])
    remote.answer()
  }

  @Test func `users are found in passwd and among systemd's dynamic ones`() throws {
    let directory = try TemporaryDirectory()
    let text =
      "root:x:0:0::/root:/bin/sh\n# a comment\n\nodd:x\nanna:x:1000:1000:Anna:/home/anna:/bin/sh\nlast:x:10001:1:::"
    let users = LocalUsers(passwdPath: try directory.write(text, to: "passwd"), dynamicPath: directory.path("dynamic"))
    mkdir(users.dynamicPath, 0o700)
    symlink("my-service", "\(users.dynamicPath)/direct:61234")
    #expect([0, 1000, 10001, 61234, 100, 1].map(users.name) == ["root", "anna", "last", "my-service", nil, nil])
    #expect(LocalUsers(passwdPath: "/nowhere", dynamicPath: "/nowhere").name(of: 0) == nil)
  }

  @Test func `a program is named by its executable, by its name where that is hidden, and not at all for another user`()
    throws
  {
    var path = [UInt8](repeating: 0, count: 4096)
    let count = path.withUnsafeMutableBytes {
      readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    let own = CallerProgram.escaped(Array(path.prefix(min(count, 255))))
    #expect(CallerProgram.name(pid: getpid(), uid: geteuid()) == own)
    #expect(CallerProgram.name(pid: getpid(), uid: geteuid() + 1) == nil)
    #expect(CallerProgram.name(pid: 0, uid: 0) == nil)

    let directory = try TemporaryDirectory()
    mkdir(directory.path("12"), 0o700)
    try directory.write("Name:\ta\nUid:\t1000\t1001\t1000\t1000\nGid:\t5\t5\t5\t5\n", to: "12/status")
    try directory.write("two\nlines\\\u{e9}\n", to: "12/comm")
    let proc = directory.path("")
    #expect(CallerProgram.name(pid: 12, uid: 1000, proc: proc) == #"two\x0alines\x5c\xc3\xa9"#)
    #expect(CallerProgram.name(pid: 12, uid: 1001, proc: proc) != nil)
    #expect(CallerProgram.name(pid: 12, uid: 5, proc: proc) == nil, "a number used again is another process's")
    #expect(CallerProgram.name(pid: 13, uid: 1000, proc: proc) == nil)
  }
}
