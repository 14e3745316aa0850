import Core
import RefreshBench
import Secrets
import TestSupport
import Testing
import Wire

@testable import CredentialServer

/// Which peers count as systemd, and what happens to connections whose peers misbehave.
@Suite struct UnitServerTests {
  private let bench: UnitBench

  init() throws {
    bench = try UnitBench()
    bench.add("uploader")
  }

  // MARK: - Identification

  @Test func `a user's process with systemd's address gets only the refusal`() {
    let channel = bench.ask("uploader", as: UnitBench.user)
    #expect(channel.isRefused)
    let lines = bench.lines(with: "request refused")
    #expect(lines.count == 1 && lines[0].contains("uid=1000") && lines[0].contains("unit=app.service"), "\(lines)")
    #expect(bench.service.figures.refusals == [.otherPeer: 1])
  }

  @Test func `without systemd's address nobody gets anything, not even root`() {
    for peer in [UnitBench.root, UnitBench.user] {
      for address in [nil, Array("\0other".utf8), Array("/run/x".utf8)] {
        let channel = bench.connect(at: address, as: peer)
        #expect(channel.isClosed && channel.bytes.isEmpty && channel.number == nil)
      }
    }
    #expect(bench.lines(with: "request refused").count == 2)
    bench.scheduler.advance(by: .seconds(60))
    #expect(bench.lines(with: "more requests refused").filter { $0.contains("count=2") }.count == 2)
  }

  @Test func `if its control group can be read, a process outside the unit's is refused`() {
    bench.records.groups[70] = "0::/system.slice/app.service\n"
    #expect(bench.ask("uploader").text.contains("STS.1"))
    for other in [
      "/system.slice/other.service", "/user.slice/user-0.slice/user@0.service/app.slice/app.service", "/init.scope",
    ] {
      bench.records.groups[70] = "0::\(other)\n"
      #expect(bench.ask("uploader").isRefused, "\(other)")
    }
    #expect(bench.lines(with: "no credential for a unit").count == 1)
    #expect(bench.lines(with: "its process is in the control group '/system.slice/other.service'").count == 1)
    // /proc hides the process, or it has ended.
    bench.records.groups[70] = nil
    #expect(bench.ask("uploader").text.contains("STS.1"))
  }

  // MARK: - Peers that don't read

  @Test
  func `a slow reader gets the whole answer, and one that doesn't read gets no more than its buffer takes`() {
    let whole = bench.ask("uploader").text
    let slow = bench.ask("uploader", room: 10)
    #expect(!slow.isClosed && slow.isWatched)
    for _ in 0..<10 { bench.read(slow, 100) }
    #expect(slow.isClosed && slow.text == whole)

    let stuck = bench.ask("uploader", for: "other.service", room: 200_000)
    #expect(stuck.bytes.count == 200_000 && !stuck.isClosed)
    let sends = stuck.sends
    bench.scheduler.advance(by: .milliseconds(59_999))
    #expect(!stuck.isClosed && stuck.sends == sends && bench.server.count == 1)
    bench.scheduler.advance(by: .milliseconds(1))
    #expect(stuck.isClosed && stuck.bytes.count == 200_000 && bench.server.count == 0)
  }

  @Test func `each turn sends a limited part of a refusal`() {
    let channel = bench.ask("uploader", for: "other.service", room: 0)
    var turns = 0
    while !channel.isClosed, turns < 100 {
      let before = channel.bytes.count
      bench.read(channel, .max)
      #expect(channel.bytes.count - before <= 1 << 18)
      turns += 1
    }
    #expect(channel.isRefused && turns >= 4)
  }

  @Test func `a connection that the peer closes during the answer is dropped`() {
    let channel = bench.ask("uploader", for: "other.service", room: 70_000)
    #expect(!channel.isClosed)
    channel.isGone = true
    bench.server.writable(channel.number!)
    #expect(channel.isClosed && bench.server.count == 0)
    bench.server.writable(channel.number!)
    bench.server.hungUp(channel.number!)
  }

  // MARK: - Limits

  @Test func `at its limit the server is full, and reports when there is room`() throws {
    let bench = try UnitBench(most: 3)
    bench.add("uploader", granted: false)
    var made = 0
    bench.server.roomMade = { made += 1 }
    let channels = (0..<3).map { bench.ask("uploader", for: "encode@\($0).service") }
    #expect(bench.server.isFull)
    bench.server.hungUp(channels[0].number!)
    #expect(!bench.server.isFull && made == 1)
    bench.refresh.grantAll()
    #expect(bench.server.count == 0 && made == 3)
  }

  @Test func `users other than root get only a few connections`() {
    let held = (0..<8).map { _ in bench.ask("uploader", as: UnitBench.user, room: 0) }
    #expect(held.allSatisfy { !$0.isClosed })
    let more = bench.ask("uploader", as: UnitBench.user, room: 0)
    #expect(more.isClosed && more.bytes.isEmpty)
    #expect(bench.ask("uploader").text.contains("STS.1"))
    bench.scheduler.advance(by: .seconds(60))
    #expect(held.allSatisfy(\.isClosed) && bench.server.count == 0)
    #expect(bench.ask("uploader", as: UnitBench.user).isRefused)
  }

  // MARK: - Without settings

  @Test func `while the daemon has no valid settings, every unit is refused with the first error`() throws {
    let refusals = try UnitRefusalLog(scheduler: bench.scheduler, log: bench.lines.log)
    let rejection = UnitRejection(error: "rolekeeper.toml:3: socket.mode is 1", refusals: refusals)
    let server = try UnitServer(
      scheduler: bench.scheduler, responder: rejection, records: bench.records, refusals: refusals, most: 2)
    let channel = FakeChannel(room: .max)
    let number = server.accept(channel, from: UnitBench.root, at: Array("\01/unit/app.service/uploader".utf8))
    channel.readOn = { if let number { server.writable(number) } }
    #expect(channel.isRefused)
    #expect(bench.lines(with: "can't use its settings: rolekeeper.toml:3: socket.mode is 1").count == 1)
  }
}
