import Core
import Logs
import Settings
import Systemd
import TestSupport
import Testing
import Wire

@testable import FileOutput

/// The files as time passes, sessions are condemned and disks fail.
@Suite struct OutputsInTimeTests {
  private let bench: OutputsBench
  private var outputs: Outputs { bench.outputs }
  private var disk: FakeDisk { bench.disk }

  init() throws { bench = try OutputsBench() }

  // MARK: - Failures and retries

  @Test func `a file that can't be written is reported once, and again when it can be`() {
    disk.fail("/run/app/c")
    bench.begin("web", ["/run/app/c"])
    #expect(
      bench.lines.count == 1
        && bench.count(.fileNotWrittenAndNoneThere) == 1)
    #expect(bench.failing == ["web"] && bench.changes == ["web /run/app/c"])
    bench.advance(35)
    #expect(bench.lines.count == 1 && bench.changes.count == 1)
    disk.fail("/run/app/c", nil)
    bench.advance(10)
    #expect(bench.lines.count == 2 && bench.count(.fileWrittenAgain) == 1)
    #expect(bench.failing.isEmpty && bench.changes.count == 2 && disk["/run/app/c"]?.generation == 1)
  }

  @Test func `a failed write is retried every ten seconds, and its first failure is remembered`() throws {
    let start = bench.scheduler.wallSeconds
    disk.fail("/run/app/c")
    bench.begin("web", ["/run/app/c"])
    disk.forgetOrders()
    func writes() -> Int { bench.orders.count { $0 == "write /run/app/c" } }
    bench.advance(9)
    #expect(writes() == 0)
    bench.advance(1)
    #expect(writes() == 1)
    bench.advance(20)
    #expect(writes() == 3)
    #expect(try #require(bench.statuses("web").first).since == UTCTime(seconds: Int64(start)))
  }

  @Test func `a different error of the same file is reported, too`() {
    disk.fail("/run/app/c")
    bench.begin("web", ["/run/app/c"])
    disk.fail("/run/app/c", .inTheWay(path: "/run/app/c", what: "directory"))
    bench.advance(20)
    #expect(bench.lines.count == 2 && bench.count("a directory is in the way") == 1)
  }

  @Test func `log line and status show what readers find while a file fails`() {
    let web = bench.begin("web", ["/run/app/c"])
    disk.fail("/run/app/c")
    bench.rotate(web)
    #expect(bench.count(.fileNotWrittenKeepingOld) == 1)
    #expect(
      bench.statuses("web").map(\.content) == [.valid]
        && bench.statuses("web").map(\.generation) == [1])
    // The error is the same, but the content has changed.
    let news = bench.changes.count
    disk["/run/app/c"]?.isOurs = false
    bench.advance(10)
    #expect(bench.statuses("web").map(\.content) == [.unknown] && bench.changes.count == news + 1)
    disk["/run/app/c"] = nil
    bench.advance(10)
    #expect(bench.statuses("web").map(\.content) == [.none] && bench.changes.count == news + 2)
    #expect(bench.lines.count == 1)
    disk.fail("/run/app/c", nil)
    bench.advance(10)
    #expect(bench.statuses("web").map(\.content) == [.valid] && bench.statuses("web").map(\.generation) == [2])
  }

  @Test func `of many failing roles 64 are retried at once, the others a second later`() {
    for number in 1...100 {
      disk.fail("/run/app/\(number)")
      bench.begin("r\(number)", ["/run/app/\(number)"])
    }
    disk.forgetOrders()
    func tried() -> Set<String> { Set(bench.orders.filter { $0.hasPrefix("write") }) }
    bench.advance(10)
    #expect(tried().count == 64)
    bench.advance(1)
    #expect(tried().count == 100)
  }

  @Test func `a later failure doesn't postpone the retry of an earlier one`() {
    disk.fail("/run/app/c")
    disk.fail("/run/app/d")
    bench.begin("a", ["/run/app/c"])
    bench.advance(5)
    bench.begin("b", ["/run/app/d"])
    disk.forgetOrders()
    bench.advance(5)
    #expect(bench.orders.contains("write /run/app/c"))
  }

  // MARK: - Each role once a minute

  @Test func `each role's files are verified once a minute, a sixtieth of them each second`() {
    for number in 1...120 { bench.begin("r\(number)", ["/run/app/\(number)"]) }
    disk.forgetOrders()
    bench.advance(1)
    #expect(bench.orders.count == 2)
    bench.advance(59)
    #expect(bench.orders.count == 120 && Set(bench.orders).count == 120)
    #expect(bench.orders.allSatisfy { $0.hasPrefix("verify") })
    bench.advance(60)
    #expect(bench.orders.count == 240, "and again in the next minute")
  }

  @Test func `the verification leaves failing files to their retries`() {
    disk.fail("/run/app/c")
    bench.begin("web", ["/run/app/c"])
    disk.forgetOrders()
    bench.advance(9)
    #expect(bench.orders.isEmpty)
  }

  @Test func `without roles nothing is verified any more`() {
    let web = bench.begin("web", ["/run/app/c"])
    outputs.forget(web.name)
    outputs.rolesChanged(to: [])
    bench.advance(2)
    #expect(bench.scheduler.nextDeadline == nil)
    bench.begin("other", ["/run/app/d"])
    #expect(bench.scheduler.nextDeadline != nil)
  }

  @Test func `a changed file is replaced, reported once and counted`() {
    bench.begin("web", ["/run/app/c", "a"])
    disk.drift("/run/app/c", "mode 0644 instead of 0400")
    disk.drift("/run/roles/web", "mode 0777 instead of 0711")
    disk.forgetOrders()
    bench.advance(60)
    #expect(
      Set(bench.orders) == [
        "verify /run/app/c", "write /run/app/c", "verify /run/roles/web", "write /run/roles/web",
      ])
    #expect(bench.count(.fileChangedByOthers) == 1)
    #expect(
      bench.count(.directoryChangedByOthers) == 1)
    #expect(bench.lines.count == 2)
    #expect(outputs.figures(of: RoleName("web")!, clock: clock)?.drifts == 2)
  }

  @Test func `a change that can't be fixed is reported once until it is fixed`() {
    let web = bench.begin("web", ["/run/app/c"])
    disk.fail("/run/app/c")
    for _ in 1...3 {
      disk.drift("/run/app/c", "other content")
      bench.rotate(web)
    }
    #expect(bench.count(.fileChangedByOthers) == 1)
    disk.fail("/run/app/c", nil)
    bench.rotate(web)
    disk.drift("/run/app/c", "other content")
    bench.rotate(web)
    #expect(bench.count(.fileChangedByOthers) == 2)
    disk.drift("/run/app/c", "other content")
    bench.rotate(web)
    #expect(bench.count(.fileChangedByOthers) == 3, "it had been put right")
  }

  private var clock: ServerClock {
    ServerClock(wallMicroseconds: bench.scheduler.wallMicroseconds, at: bench.scheduler.time)
  }

  // MARK: - Lapse

  @Test func `a file that can't be replaced is removed when its session lapses`() {
    let web = bench.begin("web", ["/run/app/c"])
    let lapses = web.current.lapses
    bench.advance(2000)
    disk.fail("/run/app/c")
    bench.rotate(web)
    bench.scheduler.advance(to: lapses - .seconds(1))
    #expect(disk["/run/app/c"] != nil)
    bench.scheduler.advance(to: lapses)
    #expect(disk["/run/app/c"] == nil && bench.count(.lapsedFileRemoved) == 1)
    #expect(bench.statuses("web").map(\.content) == [.none] && bench.failing == ["web"])
    disk.fail("/run/app/c", nil)
    bench.advance(10)
    #expect(disk["/run/app/c"]?.generation == 2 && bench.failing.isEmpty)
  }

  @Test func `a lapsed file is removed, and a failed removal is retried`() {
    let web = bench.begin("web", ["/run/app/c", "/run/app/d"])
    disk.failRemoval("/run/app/c")
    outputs.withdraw(web.name)
    #expect(disk["/run/app/d"] == nil && disk["/run/app/c"] != nil)
    #expect(bench.count(.lapsedFileNotRemoved) == 1)
    bench.advance(20)
    #expect(bench.lines.count == 1)
    disk.failRemoval("/run/app/c", nil)
    bench.advance(10)
    #expect(disk["/run/app/c"] == nil && bench.failing.isEmpty)
  }

  @Test func `the recorded end is the earlier one of two clocks`() throws {
    let web = bench.begin("web", ["/run/app/c"])
    let end = web.current.session.expiration.seconds
    #expect(try #require(disk["/run/app/c"]).end == end)
    web.issue()
    bench.scheduler.wallOffset -= 600_000_000
    outputs.publish(web)
    #expect(try #require(disk["/run/app/c"]).end == end - 600)
    web.issue()
    bench.scheduler.wallOffset += 1_800_000_000
    outputs.publish(web)
    #expect(try #require(disk["/run/app/c"]).end == end - 600, "the server's")
  }

  // MARK: - Condemned sessions

  @Test func `a condemned session is removed from a file that nothing else can be written to`() {
    let web = bench.begin("web", ["/run/app/c", "/run/app/d"])
    disk.fail("/run/app/c")
    let old = bench.rotate(web)
    disk.forgetOrders()
    outputs.condemn(old, of: web.name)
    #expect(bench.orders.first == "withdraw /run/app/c" && disk["/run/app/c"] == nil)
    #expect(bench.count(.condemnedFileRemoved) == 1)
    #expect(bench.statuses("web").map(\.content) == [.none, .valid])
    #expect(bench.changes.suffix(2) == ["web /run/app/c", "web /run/app/c"] && bench.changes.count == 4)
  }

  @Test func `a session condemned before its replacement fails to be written is removed then`() {
    let web = bench.begin("web", ["/run/app/c"])
    outputs.condemn(web.current.session, of: web.name)
    #expect(disk["/run/app/c"] != nil, "the next one is about to replace it")
    disk.fail("/run/app/c")
    bench.rotate(web)
    #expect(disk["/run/app/c"] == nil && bench.count(.condemnedFileRemoved) == 1)
  }

  @Test
  func
    `the previous snapshot is removed at once when its session is condemned, not when another one is`()
    throws
  {
    let web = bench.begin("web", ["a"])
    let old = bench.rotate(web)
    #expect(try #require(disk["/run/roles/web"]).previous?.generation == 1)
    outputs.condemn(web.current.session, of: web.name)
    #expect(try #require(disk["/run/roles/web"]).previous?.generation == 1)
    outputs.condemn(old, of: web.name)
    #expect(try #require(disk["/run/roles/web"]).previous == nil)
    disk.forgetOrders()
    outputs.condemn(old, of: web.name)
    #expect(bench.orders.isEmpty, "once")
  }

  @Test func `a session condemned before its replacement is written leaves no snapshot behind`() throws {
    let web = bench.begin("web", ["a"])
    outputs.condemn(web.current.session, of: web.name)
    bench.rotate(web)
    #expect(try #require(disk["/run/roles/web"]).generation == 2 && disk["/run/roles/web"]?.previous == nil)
  }

  @Test func `the previous snapshot is removed when its session ends`() throws {
    let web = bench.begin("web", ["a"])
    bench.advance(1000)
    bench.rotate(web)
    let end = try #require(disk["/run/roles/web"]?.previous).end
    bench.advance(end - bench.scheduler.wallSeconds - 122)
    #expect(disk["/run/roles/web"]?.previous != nil)
    bench.advance(122)
    #expect(disk["/run/roles/web"]?.previous == nil)
  }

  // MARK: - Disks that take their time

  @Test func `an order that a disk hasn't finished after ten seconds is reported once`() throws {
    let web = bench.begin("web", ["/srv/c"])
    bench.worker.begin()
    #expect(!outputs.areAtRest && bench.landings == 0)
    bench.advance(9)
    #expect(bench.lines.isEmpty)
    bench.advance(2)
    #expect(bench.count(.fileNotWrittenDiskStuck) == 1)
    #expect(bench.failing == ["web"] && bench.changes == ["web /srv/c"])
    #expect(try #require(bench.statuses("web").first).since == web.current.session.issued)
    bench.advance(60)
    #expect(bench.lines.count == 1)
    bench.drain()
    #expect(
      outputs.areAtRest && bench.landings > 0 && bench.failing.isEmpty
        && disk["/srv/c"]?.generation == 1)
    #expect(bench.count(.fileWrittenAgain) == 1)
  }

  @Test func `an order that waits behind others is reported as waiting`() {
    bench.begin("web", ["/srv/c"])
    bench.worker.begin()
    bench.begin("other", ["/srv/d"])
    bench.advance(11)
    #expect(
      bench.count("'/srv/d': waits behind '/srv/c', whose disk hasn't answered for more than 10 s")
        == 1)
    bench.drain()
    #expect(bench.failing.isEmpty)
  }

  @Test func `a slow disk is reported as slow, and not for an order that it has just begun`() {
    for name in ["a", "b", "c"] { bench.begin(name, ["/srv/\(name)"]) }
    bench.advance(9)
    bench.worker.finishOne()
    bench.worker.begin()
    outputs.takeResults()
    bench.advance(2)
    #expect(bench.lines.count == 1)
    #expect(
      bench.count(
        "'/srv/c': has waited for more than 10 s while other files are written, now '/srv/b'") == 1)
    bench.drain()
    #expect(bench.failing.isEmpty)
  }

  @Test func `condemning a session while the next one hangs on a disk removes nothing`() {
    let web = bench.begin("web", ["/srv/c"])
    bench.drain()
    let old = bench.rotate(web)
    bench.worker.begin()
    bench.advance(11)
    #expect(bench.failing == ["web"])
    outputs.condemn(old, of: web.name)
    bench.drain()
    #expect(disk["/srv/c"]?.generation == 2 && bench.failing.isEmpty)
    #expect(bench.orders.count { $0.hasPrefix("withdraw ") } == 0)
  }

  @Test func `a failed write orders no removal behind a newer write`() {
    let web = bench.begin("web", ["/srv/c"])
    bench.drain()
    let old = bench.rotate(web)
    bench.worker.begin()
    bench.rotate(web)
    outputs.condemn(old, of: web.name)
    disk.fail("/srv/c")
    bench.worker.finishOne()
    outputs.takeResults()
    disk.fail("/srv/c", nil)
    bench.drain()
    #expect(disk["/srv/c"]?.generation == 3 && bench.orders.count { $0.hasPrefix("withdraw ") } == 0)
  }

  @Test func `of the orders that wait for a disk the latest is written`() {
    let web = bench.begin("web", ["/srv/c"])
    bench.worker.begin()
    for _ in 1...5 { bench.rotate(web) }
    bench.drain()
    #expect(disk["/srv/c"]?.generation == 6 && bench.orders == ["write /srv/c", "write /srv/c"])
  }

  @Test func `content that couldn't be handed to a disk is written once the previous write is done`() {
    let web = bench.begin("web", ["/srv/c"])
    bench.drain()
    bench.rotate(web)
    disk.failSeal(.unusablePath("memory"))
    bench.rotate(web)
    #expect(bench.failing == ["web"])
    disk.failSeal(nil)
    bench.drain()
    #expect(disk["/srv/c"]?.generation == 3 && bench.failing.isEmpty)
  }

  @Test func `a disk that takes no orders counts as a file that can't be written`() {
    bench.worker.refusal = .unusablePath("no thread")
    bench.begin("web", ["/srv/c"])
    #expect(bench.failing == ["web"] && outputs.areAtRest)
    bench.worker.refusal = nil
    bench.advance(10)
    bench.drain()
    #expect(disk["/srv/c"]?.generation == 1 && bench.failing.isEmpty)
  }

  // MARK: - The record for the next process

  @Test func `the record is renewed when a file appears and when it is removed`() {
    let web = bench.begin("web", ["/run/app/c"])
    #expect(bench.recordChanges == 1 && outputs.recorded.map(\.isWritten) == [true])
    bench.rotate(web)
    #expect(bench.recordChanges == 1)
    outputs.withdraw(web.name)
    bench.advance(1)
    #expect(bench.recordChanges == 2 && outputs.recorded.map(\.isWritten) == [false])
  }

  @Test func `with many roles the record is renewed less often`() {
    for number in 1...200 { bench.begin("r\(number)", ["/run/app/\(number)"]) }
    let before = bench.recordChanges
    #expect(before < 110, "each of the first hundred, and then none at the same moment")
    bench.advance(1)
    #expect(bench.recordChanges == before + 1)
    bench.advance(10)
    #expect(bench.recordChanges == before + 1)
  }

  @Test func `a reload knows the paths where nothing could be written`() {
    disk.fail("/run/app/c")
    let web = bench.begin("web", ["/run/app/c", "/run/app/d", "a"])
    #expect(outputs.unwritten == [web.name: [.elsewhere(path: "/run/app/c")]])
    disk.fail("/run/app/c", nil)
    bench.advance(10)
    #expect(outputs.unwritten.isEmpty)
  }
}
