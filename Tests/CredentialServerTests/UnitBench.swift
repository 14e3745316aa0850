import Core
import Logs
import Refresh
import RefreshBench
import Secrets
import Settings
import TestSupport

@testable import CredentialServer

/// The server in virtual time: a fake channel is the peer, and the test answers for STS.
final class UnitBench {
  static let root = Peer(uid: 0, gid: 0, pid: 70, groups: [])
  static let user = Peer(uid: 1000, gid: 1000, pid: 71, groups: [])

  let refresh: Bench
  let lines = LogRecorder()
  let records = FakeRecords()
  let service: UnitService
  let server: UnitServer

  var scheduler: VirtualScheduler { refresh.scheduler }

  init(wait: Duration = .seconds(10), most: Int = 16) throws {
    refresh = try Bench()
    let refusals = try UnitRefusalLog(scheduler: refresh.scheduler, log: lines.log)
    service = try UnitService(
      scheduler: refresh.scheduler, refresher: refresh.refresher, wait: wait, records: records, refusals: refusals,
      log: lines.log)
    server = try UnitServer(
      scheduler: refresh.scheduler, responder: service, records: records, refusals: refusals, most: most)
    refresh.refresher.setObservers([service])
  }

  /// Adds a role that `app.service` and all instances of `encode@.service` may load; it has its first session, unless
  /// the test says otherwise.
  @discardableResult
  func add(
    _ name: String, pool: Int = 2, granted isGranted: Bool = true, outputs: [OutputSettings] = []
  ) -> ManagedRole {
    var settings = Self.settings(name, pool: pool)
    settings.outputs = outputs
    refresh.refresher.add(settings)
    if isGranted { refresh.grantAll() }
    return refresh.refresher.roles[RoleName(name)!]!
  }

  static func settings(_ name: String, pool: Int = 2, units: [String] = ["app.service", "encode@*.service"])
    -> RoleSettings
  {
    var settings = Bench.role(name, timing: RoleTiming(maxDuration: .hours(12), pool: pool))
    settings.readers = AccessRule(units: units.map { UnitPattern($0)! })
    return settings
  }

  /// Connects as systemd does for a unit's credential.
  func ask(
    _ id: String, for unit: String = "app.service", as peer: Peer = root, room: Int = .max
  ) -> FakeChannel {
    connect(at: [0] + Array("58860a1684a942/unit/\(unit)/\(id)".utf8), as: peer, room: room)
  }

  func connect(at address: [UInt8]?, as peer: Peer = root, room: Int = .max) -> FakeChannel {
    let channel = FakeChannel(room: room)
    let given = server.accept(channel, from: peer, at: address)
    channel.number = given
    // The server keeps the channel while it is open.
    channel.readOn = { [weak server] in if let given { server?.writable(given) } }
    return channel
  }

  /// The peer reads as much as it takes.
  func read(_ channel: FakeChannel, _ count: Int) {
    channel.room = count
    if let number = channel.number, channel.isWatched { server.writable(number) }
  }

  func lines(with phrase: String) -> [String] { lines.all.filter { $0.contains(phrase) } }
}

final class FakeRecords: UnitRecords {
  var groups: [Int32: String] = [1: "0::/init.scope\n"]
  var invocations: [String: String] = ["app.service": "first"]

  func controlGroups(of pid: Int32) -> String? { groups[pid] }
  func program(of pid: Int32) -> String? { "(sd-mkdcreds)" }
  func invocation(of unit: UnitName) -> String? { invocations[unit.description] }
}

/// A connection whose peer reads `room` bytes and then no more.
final class FakeChannel: UnitChannel {
  var number: UInt64?
  /// Reports to the server that there is room.
  var readOn: () -> Void = {}
  var room: Int
  /// What the peer has read.
  private(set) var bytes: [UInt8] = []
  private(set) var isWatched = false
  private(set) var isClosed = false
  /// Whether the peer has closed its end.
  var isGone = false
  /// How often something was sent.
  private(set) var sends = 0

  init(room: Int) { self.room = room }

  func send(_ bytes: Span<UInt8>) -> Int? {
    sends += 1
    if isGone { return nil }
    let count = min(bytes.count, room)
    for index in 0..<count { self.bytes.append(bytes[index]) }
    room -= count
    return count
  }

  func watchRoom(_ isWatched: Bool) { self.isWatched = isWatched }
  func close() { isClosed = true }

  var text: String { String(decoding: bytes, as: UTF8.self) }
  /// Whether the peer, having read everything, has more than 1 MiB, with which systemd fails the unit's start.
  var isRefused: Bool {
    while isWatched, !isClosed, room > 0 { readOn() }
    return isClosed && bytes.count > 1 << 20 && bytes.allSatisfy { $0 == 0 }
  }
}
