import Core
import Refresh
import RefreshBench
import Settings
import TestSupport
import Testing

@testable import Handover

/// Sessions that other hosts share (`session_per = "shard"`), over a restart.
@Suite struct ShardHandoverTests {
  private let bench: Bench
  private let manager = FakeDescriptorStore()
  private let writer: HandoverWriter
  private let role: ManagedRole

  init() throws {
    bench = try Bench()
    writer = try HandoverWriter(
      boot: Samples.boot, after: HandoverWriter.Predecessors(), refresher: bench.refresher, manager: manager,
      scheduler: bench.scheduler, log: LogRecorder().log)
    bench.refresher.setObservers([writer, bench.observer])
    bench.refresher.observeDerived(by: writer)
    bench.refresher.add(Self.settings())
    role = bench.refresher.roles[RoleName("a")!]!
    bench.grantAll()
    writer.begin(settings: SettingsContent(files: [], directories: []))
    bench.scheduler.settle()
  }

  private static func settings(shards: Int? = 4) -> RoleSettings {
    var settings = Bench.role("a")
    if let shards {
      settings.sessionName = .standardWithShard
      settings.derivation = Derivation(DerivedSettings(shards: shards))
    }
    return settings
  }

  private static func key(_ shard: Int) -> SessionKey { SessionKey(role: RoleName("a")!, shard: shard) }

  /// The session of this shard, which a host has just asked for.
  @discardableResult
  private func ask(_ shard: Int) throws -> ManagedRole {
    _ = bench.refresher.acquire(Self.key(shard), of: role, for: nil)
    bench.grantAll()
    return try #require(role.derived(Self.key(shard)))
  }

  private var recorded: [Int: HandoverState.Role] { manager.inherit().state?.shards[role.name] ?? [:] }

  /// The role in a process that starts now, with these settings.
  private func next(_ settings: RoleSettings = Self.settings(), isExact: Bool = true) throws -> (Bench, ManagedRole) {
    let state = try #require(manager.inherit().state)
    let other = try Bench()
    other.scheduler.time = bench.now
    other.refresher.add([(settings, 0, state.resumed(settings, isGenerationExact: isExact))])
    let role = try #require(other.refresher.roles[settings.name])
    for (shard, resumed) in state.resumedShards(of: settings, isGenerationExact: isExact) {
      other.refresher.resume(shard: shard, of: role, resumed)
    }
    return (other, role)
  }

  @Test func `a shard's sessions are in the store, and the next process serves them without a call`() throws {
    let session = try ask(2)
    bench.advance(.minutes(20))
    bench.grantAll()
    #expect(recorded.keys.sorted() == [2] && recorded[2]?.sessions.count == 2)
    #expect(recorded[2]?.role.origin.sessionName.contains("s2") == true)
    let (other, role) = try next()
    let resumed = try #require(role.derived(Self.key(2)))
    #expect(other.cloud.orders.isEmpty && role.machine.heldSessions.count == self.role.machine.heldSessions.count)
    #expect(resumed.generation == session.generation && resumed.issued == session.issued)
    let (old, new) = (session.serving(at: bench.now), resumed.serving(at: other.now))
    #expect(new != nil && new?.accessKeyID == old?.accessKeyID && resumed.machine.heldSessions.count == 2)
    #expect(other.refresher.holdsExactlyTheMachinesSessions)
  }

  @Test func `a store that is begun later has the shards, too`() throws {
    for shard in 0..<4 { try ask(shard) }
    let other = try HandoverWriter(
      boot: Samples.boot, after: HandoverWriter.Predecessors(nextNumber: 9), refresher: bench.refresher,
      manager: manager, scheduler: bench.scheduler, log: LogRecorder().log)
    other.begin(settings: SettingsContent(files: [], directories: []))
    bench.scheduler.settle()
    let state = try #require(manager.inherit().state)
    #expect(state.shards[role.name]?.keys.sorted() == [0, 1, 2, 3])
    #expect(state.sessionCount == bench.refresher.sessionCount)
  }

  @Test func `a shard that nobody asks for any more is gone, and asked for again it is there`() throws {
    try ask(1)
    bench.scheduler.advance(by: .hours(3))
    #expect(recorded.isEmpty && bench.refresher.shardKeys.isEmpty)
    try ask(1)
    #expect(recorded[1]?.sessions.count == 1)
  }

  @Test func `a condemned session of a shard never returns`() throws {
    let session = try ask(0)
    let dead = try #require(session.serving(at: bench.now))
    bench.refresher.send(.condemned(dead.id), to: session)
    #expect(recorded[0]?.sessions.isEmpty == true)
    bench.grantAll()
    let (_, role) = try next()
    let after = try #require(role.derived(Self.key(0))?.serving(at: bench.now))
    #expect(after.accessKeyID != dead.accessKeyID)
  }

  @Test func `of other settings, those shards stay that there still are, for the same RAM role and policy`() throws {
    for shard in [0, 3] { try ask(shard) }
    #expect(try next().1.derivedSessions?.members.count == 2)
    #expect(try next(Self.settings(shards: 2)).1.derivedSessions?.members.keys.map(\.shard) == [0])
    #expect(try next(Self.settings(shards: nil)).1.derivedSessions == nil)
    var settings = Self.settings()
    settings.policy = Array("{}".utf8)
    #expect(try next(settings).1.derivedSessions == nil)
    settings = Self.settings()
    settings.externalID = "x"
    let (other, role) = try next(settings)
    #expect(role.derivedSessions?.members.count == 2)
    #expect(other.cloud.orders.count == 3, "they are requested again in the new way, as the role's own is")
  }

  @Test func `where a later generation may have been used, a shard goes on above it`() throws {
    let session = try ask(0)
    let (_, role) = try next(isExact: false)
    let resumed = try #require(role.derived(Self.key(0)))
    #expect(resumed.generation > session.generation && resumed.serving(at: bench.now) != nil)
  }

  @Test func `the sessions of a shard that lapsed meanwhile aren't resumed`() throws {
    try ask(0)
    bench.scheduler.time = bench.now + .hours(13)
    let (other, role) = try next()
    #expect(role.derived(Self.key(0))?.machine.heldSessions.isEmpty != false)
    #expect(other.refresher.holdsExactlyTheMachinesSessions)
  }

  @Test func `with its role a shard is forgotten`() throws {
    try ask(0)
    bench.refresher.remove(role.name)
    writer.forget(role.name, generation: role.machine.generation)
    #expect(recorded.isEmpty)
  }

  @Test func `a reload of services that is under way is the role's own matter`() throws {
    writer.isReloadDue = { role, _ in !role.isDerived }
    bench.advance(.minutes(1))
    bench.refresher.send(.refreshRequested, to: role)
    bench.grantAll()
    try #require(manager.inherit().state?.unitReloads[role.name] != nil)
    try ask(0)
    #expect(manager.inherit().state?.unitReloads[role.name] != nil)
  }

  @Test func `sessions for tasks and users aren't recorded`() throws {
    var settings = Bench.role("b")
    settings.derivation = Derivation(DerivedSettings(users: UserSessions()))
    bench.refresher.add(settings)
    bench.grantAll()
    let other = try #require(bench.refresher.roles[settings.name])
    _ = bench.refresher.acquire(SessionKey(role: other.name, uid: 7), of: other, for: UserLabel(uid: 7, name: "anna"))
    bench.grantAll()
    let state = try #require(manager.inherit().state)
    #expect(other.derivedSessions?.members.count == 1 && state.shards.isEmpty)
    #expect(state.roles[other.name]?.sessions.count == 1)
  }
}
