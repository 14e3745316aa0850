import CloudAPI
import Core
import Glibc
import Logs
import Refresh
import RefreshBench
import Secrets
import Settings
import Systemd
import TestSupport
import Testing

@testable import Handover

/// What the next process would find at any moment. The test controls the refresher's time and cloud.
@Suite struct HandoverWriterTests {
  private let bench: Bench
  private let manager = FakeDescriptorStore()
  private let recorder = LogRecorder()
  private let writer: HandoverWriter

  init() throws {
    bench = try Bench()
    writer = try Self.writer(bench, manager, recorder)
    bench.refresher.setObservers([writer, bench.observer])
  }

  private static func writer(
    _ bench: Bench, _ manager: FakeDescriptorStore, _ recorder: LogRecorder, after found: InheritedStore? = nil,
    capacity: @escaping (Int) -> Int = { StoreSize.capacity(for: $0) }
  ) throws -> HandoverWriter {
    try HandoverWriter(
      boot: Samples.boot,
      after: HandoverWriter.Predecessors(names: found?.names ?? [], nextNumber: found?.next ?? 1),
      state: found?.state, refresher: bench.refresher, manager: manager, scheduler: bench.scheduler, log: recorder.log,
      capacity: capacity)
  }

  private static let settings = SettingsContent(
    files: [SettingsContent.File(path: "/etc/rk.toml", bytes: Array("x".utf8))],
    directories: [SettingsContent.Directory(path: "/etc/roles.d", names: [])])

  /// Begins the first store and completes it.
  private func begin() {
    writer.begin(settings: Self.settings)
    bench.scheduler.settle()
  }

  private var state: HandoverState? { manager.inherit().state }

  private func role(_ name: String, in state: HandoverState?) throws -> HandoverState.Role {
    try #require(state?.roles[RoleName(name)!])
  }

  /// A second process with the same cloud and clocks, which gets what this one left.
  private func next() throws -> (refresher: Bench, store: InheritedStore) {
    let store = manager.inherit()
    let other = try Bench()
    other.scheduler.time = bench.now
    let state = try #require(store.state)
    let roles = bench.refresher.rolesInOrder.map(\.settings)
    other.refresher.add(roles.map { ($0, 0, state.resumed($0, isGenerationExact: true)) })
    return (other, store)
  }

  // MARK: - What is recorded

  @Test func `a published session is in the store before anybody gets it`() throws {
    begin()
    var known: [UInt64] = []
    bench.observer.published = { [unowned bench, manager] role in
      let held = manager.inherit().state?.roles[role.name]
      #expect(held?.role.rotation.generation == role.generation)
      #expect(held?.sessions.last?.accessKeyID == role.current?.session.accessKeyID)
      known.append(role.generation)
      _ = bench
    }
    bench.add("a")
    bench.grantAll()
    bench.advance(.minutes(20))
    bench.grantAll()
    #expect(known == [1, 2])
    let found = try role("a", in: state)
    #expect(found.sessions.map(\.accessKeySecret.text) == ["secret1", "secret2"])
    #expect(found.sessions.map(\.securityToken.text) == ["token1", "token2"])
    #expect(found.role.rotation.published == found.sessions.last?.number && found.role.rotation.issued == 2)
    #expect(state?.clock == bench.refresher.clock.estimate && state?.settings == Self.settings)
    bench.observer.forget()
  }

  @Test func `a reload of services is in the store with the rotation, in each store, until it is over`() throws {
    let (a, app) = (RoleName("a")!, UnitName("app.service")!)
    writer.isReloadDue = { role, _ in role.name == a }
    begin()
    var known: [[RoleName: UnitReload]] = []
    bench.observer.published = { [manager] _ in known.append(manager.inherit().state?.unitReloads ?? [:]) }
    bench.add("a")
    bench.add("b")
    bench.grantAll()
    #expect(known == [[a: UnitReload(generation: 1)], [a: UnitReload(generation: 1)]])
    writer.unitReloaded(a, generation: 1, UnitName("old.service")!)
    bench.advance(.minutes(20))
    bench.grantAll()
    writer.unitReloaded(a, generation: 1, UnitName("late.service")!)
    writer.unitReloaded(a, generation: 2, app)
    let rest = UnitReload(generation: 2, done: [app])
    #expect(state?.unitReloads == [a: rest])
    // The next process writes a store of its own; that it publishes the same again changes nothing.
    let (other, store) = try next()
    let second = try Self.writer(other, manager, recorder, after: store)
    second.isReloadDue = { role, _ in role.name == a }
    second.willPublish(try #require(other.refresher.roles[a]), generation: 2)
    second.begin(settings: Self.settings)
    // What is recorded before its first store is complete is in that.
    second.unitsReloaded(RoleName("b")!)
    #expect(manager.inherit().names == store.names)
    other.scheduler.settle()
    #expect(manager.inherit().names != store.names && state?.unitReloads == [a: rest])
    second.unitsReloaded(a)
    #expect(state?.unitReloads == [:])
    bench.observer.forget()
  }

  @Test func `the end of a reload completes the first store, and nothing is kept for a role without services`() throws {
    let (a, b) = (RoleName("a")!, RoleName("b")!)
    writer.isReloadDue = { _, _ in true }
    begin()
    bench.add("a")
    bench.add("b")
    bench.grantAll()
    let (other, store) = try next()
    let second = try Self.writer(other, manager, recorder, after: store)
    other.refresher.setObservers([second])
    second.begin(settings: Self.settings)
    second.unitsReloaded(a)
    #expect(manager.inherit().names != store.names && state?.unitReloads == [b: UnitReload(generation: 1)])
    // It has none in the settings any more.
    second.willPublish(try #require(other.refresher.roles[b]), generation: 1)
    #expect(state?.unitReloads == [:])
  }

  @Test func `a standby session is recorded, too`() throws {
    begin()
    bench.add("a")
    bench.grantAll()
    bench.advance(.minutes(20))
    // It expires before the session in use.
    bench.grant(bench.cloud.waiting[0], life: .minutes(30))
    let found = try role("a", in: state)
    #expect(found.sessions.count == 2 && found.role.rotation.generation == 1)
    #expect(found.role.rotation.published == found.sessions.first?.number)
  }

  @Test func `one append condemns a session and publishes its replacement`() throws {
    begin()
    let a = bench.add("a")
    bench.grantAll()
    bench.advance(.minutes(20))
    bench.grantAll()
    let dead = try #require(a.current?.session)
    bench.observer.published = { [manager] role in
      let held = manager.inherit().state?.roles[role.name]
      #expect(held?.sessions.map(\.accessKeyID).contains(dead.accessKeyID) == false)
    }
    bench.refresher.send(.condemned(dead.id), to: a)
    #expect(state?.condemned == [dead.accessKeyID: dead.expiration])
    #expect(try role("a", in: state).sessions.count == 1)
    bench.observer.forget()
  }

  @Test func `the parameters of sessions are recorded once, and again when the settings change them`() throws {
    begin()
    let a = bench.add("a")
    bench.grantAll()
    let first = manager.inherit().length
    bench.advance(.minutes(20))
    bench.grantAll()
    let second = manager.inherit().length
    let origin = HandoverRole.Origin(a.settings)
    #expect(try role("a", in: state).role.origin == origin)
    var settings = a.settings
    settings.externalID = String(repeating: "x", count: 100)
    writer.settingsChanged(Self.settings)
    bench.refresher.change(a, to: settings)
    let changed = manager.inherit().length
    bench.advance(.minutes(20))
    bench.grantAll()
    #expect(try role("a", in: state).role.origin == HandoverRole.Origin(settings))
    #expect(manager.inherit().length - changed > second - first + 100)
    #expect(try role("a", in: state).role.rotation.generation == 3)
  }

  @Test func `a role that is removed and added again is complete in the store`() throws {
    begin()
    for _ in 0..<2 {
      let a = bench.add("a")
      bench.grantAll()
      #expect(try role("a", in: state).sessions.count == 1)
      writer.forget(a.name, generation: a.machine.generation)
      bench.refresher.remove(a.name)
    }
    #expect(state?.roles.isEmpty == true)
  }

  @Test func `of a removed role, only the generation remains`() throws {
    begin()
    let a = bench.add("a")
    bench.grantAll()
    writer.forget(a.name, generation: a.machine.generation)
    bench.refresher.remove(a.name)
    #expect(state?.roles.isEmpty == true && state?.removedGenerations == [a.name: 1])
  }

  @Test func `proofs and new settings are recorded when they change`() throws {
    begin()
    let proof = HandoverProof(
      source: "main", accessKeyID: "LTAI1", since: bench.now, proven: bench.now, lastAccepted: nil, arn: nil,
      userID: nil)
    writer.proofs = { [proof] }
    writer.proofsChanged()
    let other = SettingsContent(files: [SettingsContent.File(path: "/etc/rk.toml", bytes: Array("y".utf8))])
    writer.settingsChanged(other)
    #expect(state?.proofs == ["main": proof] && state?.settings == other)
    let length = manager.inherit().length
    writer.proofsChanged()
    #expect(manager.inherit().length == length, "the same proof again")
  }

  @Test func `a large settings file is recorded in parts and read as one file`() throws {
    begin()
    let sizes = [0, 1, RecordBatch.largestPiece - 1, RecordBatch.largestPiece, 2 * RecordBatch.largestPiece + 5]
    let files = sizes.map { size in
      SettingsContent.File(path: "/\(size)", bytes: (0..<size).map { UInt8(truncatingIfNeeded: $0) })
    }
    let content = SettingsContent(files: files, directories: Self.settings.directories)
    writer.settingsChanged(content)
    #expect(state?.settings == content)
  }

  // MARK: - The next process

  @Test func `the next process hands out the same session under the same generation, without a call`() throws {
    begin()
    bench.add("a")
    bench.add("b")
    bench.grantAll()
    bench.advance(.minutes(20))
    bench.grantAll()
    let (other, _) = try next()
    #expect(other.cloud.orders.isEmpty)
    for name in ["a", "b"] {
      let (old, new) = (bench.refresher.roles[RoleName(name)!]!, other.refresher.roles[RoleName(name)!]!)
      #expect(new.generation == old.generation && new.current?.document.text == old.current?.document.text)
      #expect(new.machine.heldSessions.count == 2 && new.issued == old.issued)
    }
    #expect(other.refresher.rolesWithoutOutcome == 0 && other.refresher.holdsExactlyTheMachinesSessions)
    // Its next refresh is due when it would have been.
    other.advance(.minutes(17))
    #expect(other.cloud.orders.count == 2)
  }

  /// Another one of two sessions from the same second was handed out under the same generation.
  @Test func `the expiry that the previous process computed decides which session lives longest`() throws {
    begin()
    let a = bench.add("a")
    bench.grantAll()
    for _ in 0..<4 {
      bench.refresher.send(.refreshRequested, to: a)
      bench.advance(.milliseconds(300))
      bench.grantAll()
      let (other, _) = try next()
      let role = try #require(other.refresher.roles[a.name])
      #expect(role.generation == a.generation && role.current?.session.accessKeyID == a.current?.session.accessKeyID)
    }
  }

  @Test func `generations that may have been used after the last record aren't used again`() throws {
    begin()
    bench.add("a")
    bench.grantAll()
    let state = try #require(state)
    for (isExact, generation) in [(true, 1), (false, 66)] as [(Bool, UInt64)] {
      let other = try Bench()
      other.scheduler.time = bench.now
      other.refresher.goOnAbove([RoleName("a")!: 65])
      let settings = Bench.role("a")
      other.refresher.add([(settings, 0, state.resumed(settings, isGenerationExact: isExact))])
      #expect(other.refresher.roles[settings.name]?.generation == generation)
    }
  }

  @Test func `sessions that have expired meanwhile aren't resumed`() throws {
    begin()
    bench.add("a")
    bench.grantAll()
    bench.scheduler.time = bench.now + .minutes(59) + .seconds(50)
    let (other, _) = try next()
    let role = try #require(other.refresher.roles[RoleName("a")!])
    #expect(role.current == nil && other.cloud.orders.count == 1 && other.refresher.sessionCount == 0)
    other.grantAll()
    #expect(role.generation == 2)
  }

  private static let changes: [@Sendable (RoleSettings) -> RoleSettings] = [
    {
      var role = $0; role.arn = RoleARN("acs:ram::2:role/a")!; return role
    },
    {
      var role = $0; role.policy = Array("{}".utf8); return role
    },
    {
      var role = $0; role.externalID = "x"; return role
    },
    {
      var role = $0; role.source = "other"; return role
    },
  ]

  @Test(arguments: [(0, false), (1, false), (2, true), (3, true)])
  func `with changed settings, sessions are dropped or requested again, as by a reload`(change: Int, stays: Bool) throws
  {
    begin()
    bench.add("a")
    bench.grantAll()
    let settings = Self.changes[change](Bench.role("a"))
    let other = try Bench()
    other.scheduler.time = bench.now
    other.refresher.add([(settings, 0, try #require(state).resumed(settings, isGenerationExact: true))])
    #expect((other.refresher.roles[settings.name]?.current != nil) == stays)
    #expect(other.cloud.orders.count == 1, "another one is fetched")
    other.advance(.seconds(5))
    other.grantAll()
    #expect(other.refresher.roles[settings.name]?.generation == 2)
  }

  // MARK: - Consecutive stores

  @Test func `a complete store is given to the manager, and then the previous ones are removed`() throws {
    begin()
    bench.add("a")
    bench.grantAll()
    #expect(manager.requests == ["store sessions-1"])
    let (other, found) = try next()
    let second = try Self.writer(other, manager, recorder, after: found)
    other.refresher.setObservers([second])
    second.begin(settings: Self.settings)
    #expect(manager.requests == ["store sessions-1"], "not before it is whole")
    other.scheduler.settle()
    #expect(manager.requests == ["store sessions-1", "store sessions-2", "remove sessions-1"])
    #expect(try role("a", in: state).sessions.map(\.accessKeySecret.text) == ["secret1"])
  }

  @Test func `before anything is published, the first store is completed`() throws {
    begin()
    let a = bench.add("a")
    bench.grantAll()
    let (other, found) = try next()
    let second = try Self.writer(other, manager, recorder, after: found)
    other.refresher.setObservers([second])
    second.begin(settings: Self.settings)
    other.refresher.send(.refreshRequested, to: other.refresher.roles[a.name]!)
    other.scheduler.time = other.now + .seconds(5)
    other.grantAll()
    #expect(manager.requests.last == "remove sessions-1")
    #expect(try role("a", in: state).role.rotation.generation == 2)
  }

  @Test func `obsolete records cause a new store, and changes go to both meanwhile`() throws {
    begin()
    for index in 0..<20 { bench.add("role\(index)") }
    bench.grantAll()
    let before = manager.inherit().length
    var rounds = 0
    while manager.requests.count < 3, rounds < 2000 {
      rounds += 1
      bench.advance(.minutes(16))
      bench.grantAll()
      // A slice now and then, so that rotations happen in between.
      if rounds.isMultiple(of: 3) { bench.scheduler.turn() }
    }
    bench.scheduler.settle()
    #expect(manager.requests == ["store sessions-1", "store sessions-2", "remove sessions-1"])
    #expect(manager.inherit().length < before + before / 2 + 20 * 700)
    for role in bench.refresher.rolesInOrder {
      let found = try self.role(role.name.description, in: state)
      #expect(found.role.rotation.generation == role.generation)
      #expect(found.sessions.count == role.machine.heldSessions.count)
      #expect(found.sessions.last?.accessKeyID == role.current?.session.accessKeyID)
    }
    #expect(state?.settings == Self.settings)
  }

  @Test func `what a unit has had is in the store before it gets it, and in each one that follows`() throws {
    begin()
    let role = bench.add("a")
    bench.grantAll()
    let unit = UnitName("app.service")!
    let first = try #require(role.current)
    func session() -> HandoverUnitSession {
      HandoverUnitSession(
        unit: unit, invocation: "i", generation: first.generation, session: first.handedOver(of: role.name))
    }
    writer.units = { [unit] }
    writer.unitSessions = { $0 == unit ? [session()] : [] }
    writer.willHandOut(session())
    func found() throws -> HandoverUnitSession {
      let known = try #require(state?.units[unit])
      #expect(known.invocation == "i")
      return try #require(known.sessions[role.name])
    }
    #expect(try found().session.accessKeySecret.text == "secret1" && found().session.securityToken.text == "token1")
    // Until its role no longer has that session, and a store is begun that never had its record.
    var rounds = 0
    while !manager.requests.contains("store sessions-2"), rounds < 20_000 {
      rounds += 1
      bench.advance(.minutes(16))
      bench.grantAll()
      bench.scheduler.settle()
    }
    #expect(manager.requests.contains("store sessions-2"))
    #expect(role.current?.session.accessKeyID != "STS.1")
    #expect(try found().session.accessKeyID == "STS.1" && found().session.accessKeySecret.text == "secret1")
  }

  @Test func `a session that its role no longer has is rendered again as it was, and one that it has is that one`()
    throws
  {
    begin()
    let role = bench.add("a")
    bench.grantAll()
    let old = try #require(role.current)
    let handed = old.handedOver(of: role.name)
    #expect(bench.refresher.handout(resuming: handed, generation: 1, for: role) === old)
    // When others take its place is up to chance; it lives for an hour.
    var minutes: Int64 = 0
    while role.machine.pooled.contains(where: { $0.accessKeyID == handed.accessKeyID }), minutes < 56 {
      minutes += 2
      bench.advance(.minutes(2))
      bench.grantAll()
    }
    #expect(role.machine.pooled.allSatisfy { $0.accessKeyID != handed.accessKeyID })
    let again = try #require(bench.refresher.handout(resuming: handed, generation: 1, for: role))
    #expect(again.document.text == old.document.text && again.generation == 1 && again.lapses == old.lapses)
    #expect(!role.machine.holds(again.session.id) && bench.refresher.holdsExactlyTheMachinesSessions)
  }

  @Test func `ten thousand roles of two sessions take no more than 30 MB, however much was replaced`() throws {
    var batch = SecretBuffer()
    let name = Samples.name("a-role-with-a-name-of-some-size-")
    let digest = String(repeating: "a", count: 64)
    RecordCoding.append(.role(Samples.role(name.description, digest: digest)), to: &batch)
    for number in 1...2 as ClosedRange<UInt64> {
      let session = HandoverSession(
        role: name, number: number, isReserved: false, accessKeyID: "STS.NUgYrLnoC37mZZCNnAbez",
        accessKeySecret: secret(String(repeating: "s", count: 44)),
        securityToken: secret(String(repeating: "t", count: 300)), expiration: UTCTime(seconds: 1),
        issued: UTCTime(seconds: 0), sent: bench.now, asked: .hours(1), expires: bench.now)
      RecordCoding.append(.session(session), to: &batch)
    }
    let whole = 10_000 * batch.count
    #expect(StoreSize.longest(wholeLength: whole) + whole <= 30_000_000 + 1 << 20)
    #expect(StoreSize.longest(wholeLength: 9_000_000) == 18_000_000)
  }

  // MARK: - Failures

  @Test func `a store without room is removed from the manager, and another begun a minute later`() throws {
    let writer = try Self.writer(bench, manager, recorder) { _ in SessionArena.step }
    bench.refresher.setObservers([writer])
    writer.begin(settings: Self.settings)
    bench.scheduler.settle()
    bench.add("a")
    bench.grantAll()
    let huge = [UInt8](repeating: 0, count: SessionArena.step)
    writer.settingsChanged(SettingsContent(files: [SettingsContent.File(path: "/huge", bytes: huge)]))
    #expect(manager.requests == ["store sessions-1", "remove sessions-1"])
    #expect(writer.firstStore == 2, "the one before lacks what comes now, should it be found")
    #expect(recorder.all.count == 1 && recorder.all[0].hasPrefix("warning: sessions can't be handed over"))
    writer.settingsChanged(Self.settings)
    bench.scheduler.advance(by: .seconds(61))
    #expect(manager.requests.last == "store sessions-2")
    #expect(state?.settings == Self.settings && state?.roles.count == 1)
    #expect(recorder.all.count == 2 && recorder.all[1].hasPrefix("notice: sessions can be handed over"))
  }
  /// The settings were lost, and the next process couldn't start if those on the disk were bad.
  @Test func `if the first store has no room, no settings are lost`() throws {
    var room = SessionArena.step
    let writer = try Self.writer(bench, manager, recorder) { _ in room }
    bench.refresher.setObservers([writer])
    let count = 50
    for index in 0..<count {
      bench.add("role\(index)")
      bench.grantAll()
    }
    let bytes = [UInt8](repeating: 1, count: room - 4096)
    let large = SettingsContent(files: [SettingsContent.File(path: "/large", bytes: bytes)])
    writer.begin(settings: large)
    bench.scheduler.settle()
    #expect(manager.requests.isEmpty && recorder.all.count == 1)
    room = 1 << 22
    bench.scheduler.advance(by: .seconds(61))
    bench.scheduler.settle()
    #expect(state?.settings == large && state?.roles.count == count)
  }
}
