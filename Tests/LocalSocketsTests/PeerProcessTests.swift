import Core
import Glibc
import TestSupport
import Testing

@testable import LocalSockets

/// The process at the other end, and that no other process is taken for it.
@Suite struct PeerProcessTests {
  private let directory: TemporaryDirectory
  private let running: ChildProcess

  init() throws {
    directory = try TemporaryDirectory()
    running = try ChildProcess(["/bin/sleep", "600"], in: directory)
    try put(1, ["cgroup": "0::/init.scope\n"])
    try put(
      71,
      [
        "cgroup": "0::/system.slice/app.service\n", "comm": "encode\n",
        "status": "Name:\tencode\nUid:\t1000\t1000\t1000\t1000\n", "stat": Self.stat(ticks: 500),
      ])
  }

  private func put(_ pid: Int, _ files: [String: String]) throws {
    mkdir(directory.path("\(pid)"), 0o700)
    for (name, text) in files { try directory.write(text, to: "\(pid)/\(name)") }
  }

  /// A name may contain what otherwise separates the fields.
  private static func stat(ticks: Int) -> String {
    "71 (a) b (c) S 1 71 71 0 -1 4194560 1 0 0 0 2 1 0 0 20 0 1 0 \(ticks) 9000000 800\n"
  }

  /// A pidfd, as SO_PEERPIDFD gives it (pidfd_open(2), in glibc from 2.36; its header isn't in Swift's module).
  private func pidfd(_ pid: Int32) -> CInt {
    typealias Function = @convention(c) (Int32, UInt32) -> CInt
    guard let symbol = dlsym(nil, "pidfd_open") else { return -ENOSYS }
    return unsafeBitCast(symbol, to: Function.self)(pid, 0)
  }

  private func reader(_ pidfd: @escaping (CInt) -> CInt) -> PeerProcessReader {
    PeerProcessReader(proc: directory.path(""), pidfd: pidfd)
  }

  /// `acceptedAt` in clock ticks, of which there are 100 a second on Linux.
  private func found(acceptedAt ticks: Int64 = 600, as uid: UInt32 = 1000, _ pidfd: @escaping (CInt) -> CInt)
    -> PeerProcess?
  {
    var reader = reader(pidfd)
    let peer = Peer(uid: uid, gid: uid, pid: 71, groups: [])
    return reader.process(of: -1, peer, accepted: Timestamp(microseconds: ticks * 10_000))
  }

  private static let process = PeerProcess(unit: UnitName("app.service"), program: "encode")

  @Test func `a process that still runs is found by its number`() {
    #expect(found { _ in pidfd(running.pid) } == Self.process)
  }

  @Test func `once the process that connected has exited, another one with its number isn't taken for it`() throws {
    let ended = try ChildProcess(["/bin/true"], in: directory)
    let handle = pidfd(ended.pid)
    #expect(handle >= 0)
    ended.wait()
    // Another test may be given the number as soon as it is free, but hardly for a process that has exited, too (proc(5), fdinfo).
    func refersToEnded() -> Bool { FileText.read("/proc/self/fdinfo/\(handle)")?.contains("Pid:\t-1\n") == true }
    #expect(refersToEnded())
    #expect(found { _ in handle } == nil)
    #expect(!refersToEnded(), "it is closed")
  }

  @Test(arguments: [ESRCH, EINVAL, EMFILE])
  func `where the kernel has no process for the connection, none is looked for by number`(_ number: CInt) {
    #expect(found { _ in -number } == nil)
  }

  @Test func `an older kernel's number counts for a process of that user that started before the connection`() throws {
    let none: (CInt) -> CInt = { _ in -ENOPROTOOPT }
    #expect(found(none) == Self.process && found(acceptedAt: 500, none) == Self.process)
    #expect(found(acceptedAt: 499, none) == nil, "it started later, so the number is used again")
    #expect(found(as: 1001, none) == nil, "it is another user's")
    try directory.write("71 (encode) S 1\n", to: "71/stat")
    #expect(found(none) == nil)
  }

  @Test func `another start at the second look is another process`() throws {
    // Its program's name is read between the two looks, and the other end of this pipe waits for that.
    unlink(directory.path("71/comm"))
    mkfifo(directory.path("71/comm"), 0o600)
    try directory.write(Self.stat(ticks: 501), to: "71/later")
    let script = "exec 3>comm; cp later stat; echo encode >&3"
    let other = try ChildProcess(["/bin/sh", "-c", "cd '\(directory.path("71"))'; \(script)"], in: directory)
    #expect(found { _ in -ENOPROTOOPT } == nil)
    #expect(other.wait() == 0)
  }

  @Test func `the kernel finds ourselves at the other end of our own connection`() throws {
    let listener = try UnixListener(path: directory.path("s"), mode: 0o600)
    let client = try StreamConnection(unix: directory.path("s"))
    guard case .connection(let descriptor, let peer) = listener.accept() else {
      Issue.record("nobody has connected")
      return
    }
    defer { close(descriptor) }
    var reader = PeerProcessReader()
    let process = reader.process(of: descriptor, peer, accepted: Timestamp(microseconds: .max))
    #expect(process?.program == CallerProgram.name(pid: getpid(), uid: geteuid()) && process?.program != nil)
    // A kernel without the option, as it would be before Linux 6.5.
    var older = PeerProcessReader(pidfd: { _ in -ENOPROTOOPT })
    #expect(older.process(of: descriptor, peer, accepted: Timestamp(microseconds: .max)) == process)
    #expect(older.process(of: descriptor, peer, accepted: Timestamp(microseconds: 0)) == nil)
    withExtendedLifetime(client) {}
  }

  @Test func `a program is named by its executable, else its comm, and not at all for another user`()
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
