import Core
import LocalSockets
import Logs
import Refresh
import RefreshBench
import Settings
import TestSupport
import Testing
import Wire

@testable import SocketAPI

/// The record of hand-outs over the socket.
@Suite struct HandoutLogTests {
  private let bench: SocketBench

  init() throws { bench = try SocketBench() }

  /// A read by a process of the reader's user.
  private func read(_ role: String = "a", pid: Int32, _ program: String, _ unit: String? = nil) {
    let peer = Peer(uid: 1000, gid: 1000, pid: pid, groups: [])
    bench.run(unit, program, as: peer)
    #expect(bench.read(role, "", peer).status == 200)
  }

  private func handouts() -> [String] { bench.lines.all.filter { $0.contains(": credential handed out access") } }

  private var notices: Int {
    bench.lines.all.count { $0.contains("credential handed out to more programs of this user") }
  }

  @Test func `each program and each unit of a user is logged once for each session`() {
    let role = bench.add("a")
    read(pid: 1, "curl")
    read(pid: 2, "encode", "app.service")
    read(pid: 3, "encode", "app.service")
    read(pid: 4, "encode", "other.service")
    read(pid: 5, "curl")
    #expect(
      handouts() == [
        "notice: credential handed out access_key_id=STS.1 generation=1 pid=1 program=curl role=a uid=1000 user=anna via=socket",
        "notice: credential handed out access_key_id=STS.1 generation=1 pid=2 program=encode role=a uid=1000 unit=app.service user=anna via=socket",
        "notice: credential handed out access_key_id=STS.1 generation=1 pid=4 program=encode role=a uid=1000 unit=other.service user=anna via=socket",
      ])
    bench.advance(.seconds(1))
    bench.refresher.send(.refreshRequested, to: role)
    bench.refresh.grantAll()
    read(pid: 2, "encode", "app.service")
    #expect(handouts().count == 4 && handouts()[3].contains("access_key_id=STS.2 generation=2"))
  }

  /// The line named whatever program had the number by then.
  @Test func `a process that is gone isn't given the name of another one with its number`() {
    // In /proc its number is curl's now.
    let peers = [SocketBench.reader, Peer(uid: 2000, gid: 2000, pid: 71, groups: [])]
    bench.add("a")
    #expect(peers.map { bench.read("a", "", $0).status } == [200, 403])
    bench.advance(.zero)
    #expect(
      handouts() == [
        "notice: credential handed out access_key_id=STS.1 generation=1 pid=71 role=a uid=1000 user=anna via=socket"
      ])
    #expect(bench.lines.all.contains("warning: request refused pid=71 role=a uid=2000 user=mallory"))
  }

  @Test func `a process that reads again and again is looked at once a second`() {
    bench.add("a")
    for _ in 0..<50 { read(pid: 1, "curl") }
    // One for the record and one for its line; the other process once for the record.
    let first = bench.sink.looks
    for _ in 0..<50 {
      read(pid: 1, "curl")
      read(pid: 2, "curl")
    }
    #expect(first <= 2 && bench.sink.looks == first + 1)
    bench.advance(.seconds(1))
    for _ in 0..<50 { read(pid: 1, "curl") }
    #expect(bench.sink.looks == first + 2)
  }

  @Test func `a program that changes its name neither floods the log nor takes memory`() {
    bench.add("a")
    for number in 0..<200 { read(pid: Int32(number), "name\(number)") }
    #expect(handouts().count == 16 && notices == 1)
    for number in 200..<400 {
      bench.advance(.seconds(1))
      read(pid: 7, "name\(number)")
    }
    #expect(handouts().count == 16 && notices == 1)
  }

  /// `who-had --unit` found nothing after programs of the same user had used up the record.
  @Test func `a unit is logged after its user's other programs have filled the record`() {
    for name in ["a", "b", "c", "d", "e"] { bench.add(name) }
    for role in ["a", "b", "c", "d", "e"] {
      for number in 0..<20 { read(role, pid: Int32(number), "name\(number)") }
      read(role, pid: 30, "encode", "app.service")
      read(role, pid: 31, "encode", "app.service")
    }
    #expect(handouts().count { $0.contains("unit=app.service") } == 5 && notices == 5)
  }

  @Test func `beside the first of each role a user's programs share an allowance, and another user has its own`() {
    for number in 0..<20 { bench.add("r\(number)") }
    for role in 0..<20 {
      for number in 0..<10 { read("r\(role)", pid: Int32(role * 10 + number), "name\(number)") }
    }
    // The first of each of 20 roles, and 60 more.
    #expect(handouts().count == 80 && notices == 14)
    bench.run(nil, "encode", as: SocketBench.other)
    bench.read("r0", "", SocketBench.other)
    let second = Peer(uid: 1001, gid: 1001, pid: 90, groups: [])
    bench.run(nil, "other", as: second)
    bench.read("r0", "", second)
    bench.advance(.zero)
    #expect(handouts().count == 82)
  }

  @Test func `while such lines aren't logged no process is looked at`() {
    bench.service.log.level = .warning
    bench.add("a")
    for number in 0..<9 { read(pid: Int32(number), "name\(number)") }
    #expect(bench.sink.looks == 0)
    bench.service.log.level = .notice
    read(pid: 3, "curl")
    #expect(handouts().count == 1)
  }
}
