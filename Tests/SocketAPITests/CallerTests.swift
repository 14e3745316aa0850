import Core
import Glibc
import Synchronization
import TestSupport
import Testing

@testable import SocketAPI

/// A caller's name, for log lines: found without blocking anything.
@Suite struct CallerTests {
  /// Name services that record what they are asked.
  private final class Remote: Sendable {
    private let asked = Mutex<[UInt32]>([])

    var questions: [UInt32] { asked.withLock { $0 } }

    func name(of uid: UInt32) -> String? {
      asked.withLock { $0.append(uid) }
      return uid == 404 ? nil : "user\(uid)"
    }
  }

  /// The names that were answered, in order.
  private final class Found {
    var names: [String?] = []
  }

  private let clock = VirtualScheduler()
  private let remote = Remote()
  private let found = Found()
  private let names: UserNames

  init() throws {
    names = try UserNames(
      scheduler: clock,
      sources: UserNames.Sources(
        local: { $0 < 100 ? "local\($0)" : nil }, remote: { [remote] in remote.name(of: $0) }))
  }

  private func ask(_ uids: UInt32...) {
    for uid in uids { names.name(of: uid) { [found] in found.names.append($0) } }
  }

  @Test func `a user of this host is named at once`() {
    ask(7)
    #expect(found.names == ["local7"] && names.known(8) == "local8" && names.known(1000) == nil)
    clock.settle()
    #expect(remote.questions.isEmpty)
  }

  /// Without a name service, or while it hangs, each refused request read all of /etc/passwd.
  @Test func `for a user whom the host's files don't name they are read once a minute`() throws {
    let reads = Mutex(0)
    let names = try UserNames(
      scheduler: clock,
      sources: UserNames.Sources(
        local: { uid in
          reads.withLock { $0 += 1 }
          return uid == 7 ? "local7" : nil
        }, remote: { _ in nil }))
    for _ in 0..<100 { #expect(names.known(1000) == nil && names.known(7) == "local7") }
    names.name(of: 1000) { _ in }
    clock.settle()
    #expect(reads.withLock { $0 } == 2)
    clock.advance(by: .seconds(60))
    for _ in 0..<100 { #expect(names.known(1000) == nil) }
    #expect(reads.withLock { $0 } == 3)
  }

  @Test func `a user known only to a name service is named when that answers, and at once the next time`() {
    ask(1000, 1000, 404)
    #expect(found.names.isEmpty)
    clock.settle()
    #expect(found.names == ["user1000", "user1000", nil])
    ask(1000, 404)
    #expect(found.names.count == 5 && names.known(1000) == "user1000" && names.known(404) == nil)
    #expect(remote.questions == [1000, 404])
  }

  @Test func `a name is cached for ten minutes, and its absence for one`() {
    ask(1000, 404)
    clock.settle()
    clock.advance(by: .seconds(60) - .microseconds(1))
    ask(1000, 404)
    #expect(found.names.count == 4)
    clock.advance(by: .microseconds(1))
    ask(1000, 404)
    clock.settle()
    #expect(remote.questions == [1000, 404, 404])
    clock.advance(by: .seconds(540))
    #expect(names.known(1000) == nil)
    ask(1000)
    clock.settle()
    #expect(remote.questions == [1000, 404, 404, 1000])
  }

  @Test func `with hanging name services no line waits longer than two seconds, and only one call hangs`() {
    clock.callsHang = true
    for uid: UInt32 in 1000..<1010 { ask(uid) }
    clock.advance(by: .seconds(1))
    ask(1010)
    clock.advance(by: .seconds(1))
    #expect(found.names.count == 10 && found.names.allSatisfy { $0 == nil })
    clock.advance(by: .seconds(1))
    #expect(found.names.count == 11)
    // Nobody waits any more for the answer.
    clock.callsHang = false
    clock.settle()
    #expect(found.names.count == 11 && remote.questions == [1000])
  }

  @Test func `no more than 256 lines wait for names`() {
    clock.callsHang = true
    for uid: UInt32 in 1000..<1256 { ask(uid) }
    #expect(found.names.isEmpty)
    ask(2000)
    #expect(found.names == [nil])
  }

  @Test func `when the process ends, lines go without names`() {
    ask(1000)
    names.flush()
    #expect(found.names == [nil])
    clock.advance(by: .seconds(3))
    #expect(found.names == [nil])
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
}
