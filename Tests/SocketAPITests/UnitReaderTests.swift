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

/// Readers that a role admits by their unit.
@Suite struct UnitReaderTests {
  private let bench: SocketBench

  init() throws { bench = try SocketBench() }

  @Test func `a process of an allowed unit reads the role, one of another unit or of none doesn't`() {
    bench.add("a", for: ["app@*.service"])
    bench.run("app@1.service")
    #expect(bench.read("a", "", SocketBench.stranger).status == 200)
    for unit in ["app.service", nil] {
      bench.run(unit)
      #expect(bench.read("a", "", SocketBench.stranger).status == 403)
    }
    bench.sink.processes = [:]
    #expect(bench.read("a", "", SocketBench.stranger).status == 403, "what can't be seen is refused")
    #expect(bench.read("a").status == 200, "one match is enough")
  }

  @Test func `the process is looked at only where the answer depends on it`() {
    bench.service.log.level = .error
    bench.add("a", for: ["app.service"])
    bench.add("b")
    for name in ["a", "b"] { #expect(bench.read(name).status == 200) }
    #expect(
      bench.read("b", "", SocketBench.other).status == 200 && bench.read("a", "", SocketBench.admin).status == 200)
    #expect(bench.sink.looks == 0)
    #expect(bench.read("a", "", SocketBench.other).status == 403 && bench.sink.looks > 0)
  }

  /// Each of 500 roles was a look, 15 ms in all, during which nobody else was served.
  @Test func `for an unknown role the process is looked at once, however many roles name units`() {
    for number in 0..<20 { bench.add("role-\(number)", for: ["app.service"]) }
    #expect(bench.read("role-x", "", SocketBench.stranger).problem?.suggestion == nil && bench.sink.looks == 1)
    bench.run("app.service")
    #expect(bench.read("role-x", "", SocketBench.stranger).problem?.suggestion?.hasPrefix("role-") == true)
    #expect(bench.sink.looks == 2)
  }

  @Test func `a refusal says what the caller is by the kernel, and what can be named`() throws {
    bench.add("a", for: ["app.service"])
    bench.run("other.service")
    let peer = Peer(uid: 2000, gid: 20, pid: 73, groups: [30, 20, 4])
    let known = try #require(bench.read("a", "", peer).problem).detail
    #expect(
      known.hasPrefix(
        "role 'a' isn't open to uid 2000, groups 4 20 30, in unit other.service; name that user, one of its groups or that unit in 'roles.a.allow'"
      ))
    bench.run(nil)
    #expect(try #require(bench.read("a", "", peer).problem).detail.contains("in no system unit; name that user or one"))
    bench.sink.processes = [:]
    #expect(try #require(bench.read("a", "", peer).problem).detail.contains("in a unit that can't be seen; name that"))
    let many = Peer(uid: 2000, gid: 20, pid: 73, groups: Array(100..<200))
    #expect(try #require(bench.read("a", "", many).problem).detail.contains("114 …, in"))
    bench.advance(.zero)
    #expect(
      bench.lines.all == [
        "warning: request refused pid=73 program=encode role=a uid=2000 unit=other.service user=mallory"
      ])
  }

  /// Naming the user would let all of that user's programs read the role.
  @Test func `a refusal by a role that is open to units only names those first, and lists none`() throws {
    bench.add("a", for: ["app.service"], andUIDs: [])
    func detail() throws -> String { try #require(bench.read("a", "", SocketBench.stranger).problem).detail }
    let only = "it is open to units only: run the program in one of them, or name"
    bench.run(nil)
    #expect(try detail().contains("in no system unit; \(only) that user or one of its groups in 'roles.a.allow'"))
    bench.run("other.service")
    #expect(try detail().contains("in unit other.service; \(only) that unit in 'roles.a.allow' and reload"))
    #expect(try !detail().contains("app.service"))
  }

  @Test func `the list of roles has those that the unit may read`() throws {
    bench.add("a", for: ["app.service"])
    bench.add("b", for: ["other.service"])
    bench.run("app.service")
    func list() throws -> [String] {
      let reply = try #require(bench.ask("GET /v1/roles", SocketBench.stranger).reply)
      let list: RoleList = try #require(reply.document())
      return list.roles.map { "\($0.name)" }
    }
    #expect(try list() == ["a"])
    // Another process of the same user, within the time that a list is kept.
    bench.run("other.service")
    #expect(try list() == ["b"])
    bench.run(nil)
    #expect(try list().isEmpty)
  }

  @Test func `a unit gets its roles' events, and waits for its roles`() throws {
    let role = bench.add("a", for: ["app.service"])
    bench.run("app.service")
    let events = bench.ask("GET /v1/events", SocketBench.stranger)
    let waiting = bench.read("a", "?min_ttl=7200&wait=60", SocketBench.stranger)
    #expect(waiting.isOpen)
    bench.advance(.seconds(2))
    bench.refresh.grantAll()
    #expect(waiting.status == 200 && events.kinds.contains(.reserved))
    bench.advance(.seconds(61))
    // A reload takes the right away: from the waiting reader, and from the events.
    let late = bench.read("a", "?min_ttl=36000&wait=60", SocketBench.stranger)
    #expect(late.isOpen)
    let count = events.kinds.count
    bench.close(role)
    #expect(late.status == 403)
    bench.advance(.seconds(2))
    bench.refresh.grantAll()
    #expect(events.kinds.count == count)
  }

  @Test func `how many roles name units is known through every change`() {
    let role = bench.add("a", for: ["app.service"])
    bench.add("b")
    #expect(bench.refresher.rolesNamingUnits == 1)
    bench.close(role)
    #expect(bench.refresher.rolesNamingUnits == 0)
    var settings = role.settings
    settings.readers = AccessRule(units: [UnitPattern("x.service")!])
    bench.refresher.change(role, to: settings)
    #expect(bench.refresher.rolesNamingUnits == 1)
    bench.refresher.remove(role.name)
    #expect(bench.refresher.rolesNamingUnits == 0)
  }
}
