import Glibc
import Laboratory
import TestSupport
import Wire

/// Injects what may happen in a bad year, chosen by a seed: step by step, and never more into a role than it must withstand.
struct ChaosDriver {
  /// A fault in force.
  private struct Trouble {
    let id: Int
    let kind: FaultKind
    /// nil for all roles.
    let role: String?
    let ends: Double
  }

  private enum Act: CaseIterable {
    case faultOnTried, faultOnSteady, outage, refresh, goodReload, badReload, newKey, halfKey, terminate, kill

    /// Whether it is waited for when it is chosen at a bad moment: the others are chosen again soon enough.
    var isAwaited: Bool { self == .outage || isRestart }

    var isRestart: Bool { self == .terminate || self == .kill }

    /// How often it comes, beside the others.
    var weight: Int {
      switch self {
      case .faultOnTried: 40
      case .faultOnSteady: 12
      case .outage: 4
      case .refresh: 12
      case .goodReload: 6
      case .badReload: 4
      case .newKey: 3
      case .halfKey: 2
      case .terminate, .kill: 2
      }
    }
  }

  /// After this share of the time the daemon isn't restarted any more, so that one process lives long enough to grow.
  private static let restartingShare = 2.0 / 3
  /// Seconds between the end of a fault and the next one for a role that promises something.
  private static let rest = 5.0
  /// A throttle makes the daemon ask less often for all roles, for as long as it lasts and about half a minute more: meanwhile
  /// those that promise something have no faults of their own, and it comes seldom.
  private static let throttleLength = 10.0
  private static let throttleAftermath = 40.0
  private static let throttlePause = 120.0

  private let lab: Lab
  private let stage: Stage
  private let seconds: Double
  private let started = ContinuousClock.now
  private var chance: SeededGenerator
  private var troubles: [Trouble] = []
  private var next = 3.0
  private var looked = 0.0
  /// When the latest throttle ends or ended.
  private var throttleEnds = -100.0
  /// Roles with a promise that were refreshed since their last fault ended, and when that was.
  private var healed: [String: Double]
  /// An act that waits for its moment; what would put it off for ever is left out meanwhile.
  private var awaited: Act?
  private var halfKeyEnds: Double?
  /// When the AccessKey that was replaced is disabled: later than any call signed with it can last.
  private var oldKeyEnds: Double?
  private var realm = RoleSet.realm
  private var keys = 0
  private var hasGuest = false
  private(set) var tally = Tally()
  /// The first look at the process that lives to the end.
  private var lastLife: DaemonFigures?
  private var lifeStarted = 0.0

  /// What was done.
  struct Tally {
    var faults: [String: Int] = [:]
    var terminations = 0
    var kills = 0
    var goodReloads = 0
    var refusedReloads = 0
    var refreshes = 0
    var newKeys = 0
    var halfKeys = 0
    /// Seconds from the signal to READY=1.
    var longestRestart = 0.0
  }

  init(_ lab: Lab, _ stage: Stage, seed: UInt64, seconds: Double) {
    self.lab = lab
    self.stage = stage
    self.seconds = seconds
    chance = SeededGenerator(seed: seed)
    healed = Dictionary(uniqueKeysWithValues: (RoleSet.steady + RoleSet.long).map { ($0, 0) })
  }

  var daemon: DaemonProcess { lab.daemon }

  /// Seconds since the start.
  var elapsed: Double { (ContinuousClock.now - started) / .seconds(1) }

  var progress: String {
    let count = stage.findings.count
    return
      "\(Int(elapsed)) of \(Int(seconds)) s: \(count.reads) reads used, \(tally.faults.values.reduce(0, +)) faults, "
      + "\(tally.terminations + tally.kills) restarts, \(count.wrongTotal) wrong"
  }

  /// Ends what is due to end and begins what is due to begin.
  mutating func step() throws {
    if let status = daemon.child.statusIfEnded {
      throw ProgramEnded(name: "rolekeeperd", status: status, errors: String(daemon.log.suffix(2000)))
    }
    daemon.notify.drain()
    try endTroubles()
    if elapsed - looked > 0.5 { try look() }
    guard elapsed >= next else { return }
    next = elapsed + Double.random(in: 0.2...1.8, using: &chance)
    try act()
  }

  /// Clears all faults and takes the last figures, of a daemon that readers have left.
  mutating func end(into report: inout Report) throws {
    try lab.emulator.clearFaults()
    report.tally = tally
    if daemon.child.statusIfEnded == nil {
      usleep(1_500_000)
      report.lastLife = lastLife ?? report.start
      report.lastLifeSeconds = elapsed - lifeStarted
      report.end = try DaemonFigures(daemon)
      daemon.child.stop()
    }
    report.rotations = try lab.emulator.draws(result: "OK")
    report.spoiled = try lab.emulator.draws() - report.rotations
  }

  // MARK: - Looking

  /// Checks which roles have been refreshed again, and how the process's life began.
  private mutating func look() throws {
    looked = elapsed
    let report = try lab.report()
    for role in report.roles where isPromised(role.name) && healed[role.name] == nil {
      if role.state == .valid, role.lastError == nil, !isTroubled(role.name) { healed[role.name] = elapsed }
    }
    if lastLife == nil, elapsed - lifeStarted > 5 { lastLife = try DaemonFigures(daemon) }
  }

  private func isPromised(_ role: String) -> Bool { RoleSet.steady.contains(role) || RoleSet.long.contains(role) }

  private func isTroubled(_ role: String) -> Bool { troubles.contains { $0.role == role || $0.role == nil } }

  private func isReady(_ role: String) -> Bool {
    guard let since = healed[role], !isTroubled(role) else { return false }
    return (since == 0 || elapsed - since >= Self.rest) && elapsed >= throttleEnds + Self.throttleAftermath
  }

  /// Whether all that promise something could stand an outage now.
  private var areAllReady: Bool { (RoleSet.steady + RoleSet.long).allSatisfy(isReady) && halfKeyEnds == nil }

  // MARK: - Doing

  private mutating func act() throws {
    if let awaited, try perform(awaited) {
      self.awaited = nil
      return
    }
    let act = drawAct()
    if act == .faultOnSteady && awaited != nil { return }
    let isDone = try perform(act)
    if !isDone && act.isAwaited && awaited == nil { awaited = act }
  }

  private mutating func drawAct() -> Act {
    var ticket = Int.random(in: 0..<Act.allCases.map(\.weight).reduce(0, +), using: &chance)
    return Act.allCases.first { act in
      ticket -= act.weight
      return ticket < 0
    }!
  }

  /// False when it isn't the moment for it.
  private mutating func perform(_ act: Act) throws -> Bool {
    switch act {
    case .faultOnTried: try troubleTried()
    case .faultOnSteady: try troubleSteady()
    case .outage: return try beginOutage()
    case .refresh: try refresh(RoleSet.all.randomElement(using: &chance)!)
    case .goodReload: try reloadWell()
    case .badReload: try reloadBadly()
    case .newKey: try replaceKey()
    case .halfKey: try halveKey()
    case .terminate: return try restart(SIGTERM)
    case .kill: return try restart(SIGKILL)
    }
    return true
  }

  private mutating func troubleTried() throws {
    let role = RoleSet.tried.randomElement(using: &chance)!
    let kind = FaultKind.all.filter(\.isPerRole).randomElement(using: &chance)!
    // Beyond the life of most of their sessions.
    var length = Double.random(in: 1...40, using: &chance)
    let isNeeded = awaited?.isRestart == true && RoleSet.withFiles.contains(role)
    guard !isTroubled(role), !isNeeded else { return }
    if kind.isThrottle {
      guard elapsed >= throttleEnds + Self.throttlePause, areAllReady else { return }
      length = min(length, Self.throttleLength)
      throttleEnds = elapsed + length
    }
    try begin(kind, on: role, for: length)
  }

  private mutating func troubleSteady() throws {
    let role = (RoleSet.steady + RoleSet.long).randomElement(using: &chance)!
    let kind = FaultKind.all.filter { $0.isPerRole && $0.kind != .lasting }.randomElement(using: &chance)!
    let length = Double.random(in: 1...Double(RoleSet.declaredOutage), using: &chance)
    guard isReady(role) else { return }
    healed[role] = nil
    try begin(kind, on: role, for: length)
    // A role that calls only once in 45 s would see little of it.
    try refresh(role)
  }

  private mutating func beginOutage() throws -> Bool {
    let kind = FaultKind.all.filter { $0.kind != .lasting }.randomElement(using: &chance)!
    let length = Double.random(in: 1...Double(RoleSet.declaredOutage), using: &chance)
    guard areAllReady else { return false }
    healed = [:]
    try begin(kind, on: nil, for: length)
    for role in RoleSet.steady.shuffled(using: &chance).prefix(2) { try refresh(role) }
    return true
  }

  private mutating func begin(_ kind: FaultKind, on role: String?, for seconds: Double) throws {
    // Those who use what they read are spared: only drawing is disturbed.
    let action = kind.isPerRole ? "&action=AssumeRole" : ""
    let id = try lab.emulator.fault(kind.parameters + action, role: role)
    troubles.append(Trouble(id: id, kind: kind, role: role, ends: elapsed + seconds))
    tally.faults[kind.name + (role == nil ? ", all roles" : ""), default: 0] += 1
  }

  private mutating func endTroubles() throws {
    let now = elapsed
    let over = troubles.filter { $0.ends <= now }
    troubles.removeAll { $0.ends <= now }
    for trouble in over {
      try lab.emulator.clearFault(trouble.id)
      // The person who mended it says so.
      if trouble.kind.kind == .lasting, let role = trouble.role { try refresh(role) }
    }
    if let halfKeyEnds, halfKeyEnds <= elapsed {
      try lab.write(key: realm.keys[0])
      self.halfKeyEnds = nil
    }
    if let oldKeyEnds, oldKeyEnds <= elapsed {
      realm.keys[1].isActive = false
      try lab.emulator.reload(realm: realm.text)
      self.oldKeyEnds = nil
    }
  }

  private mutating func refresh(_ role: String) throws {
    try expect(202, of: daemon.post("/v1/roles/\(role)/refresh"))
    tally.refreshes += 1
  }

  // MARK: - Settings, keys, restarts

  /// A role more or less, or another level; by a signal or a request.
  private mutating func reloadWell() throws {
    hasGuest.toggle()
    lab.draft.roles = (RoleSet.served + (hasGuest ? [RoleSet.guest] : [])).map(RoleSet.settings)
    lab.draft.level = Bool.random(using: &chance) ? "notice" : "info"
    try lab.writeSettings()
    if Bool.random(using: &chance) {
      daemon.child.signal(SIGHUP)
      try daemon.notify.wait(for: "RELOADING=1")
      try daemon.notify.wait(for: "READY=1")
    } else {
      try expect(200, of: daemon.post("/v1/reload"))
    }
    tally.goodReloads += 1
  }

  private mutating func reloadBadly() throws {
    let mistakes = ["\n[roles.", "\nnonsense = 1", "\n[roles.short]\nrole_arn = \"nobody\"\n", "\u{0}"]
    try lab.directory.write(lab.draft.text + mistakes.randomElement(using: &chance)!, to: "rolekeeper.toml")
    try expect(422, of: daemon.post("/v1/reload"))
    try lab.writeSettings()
    tally.refusedReloads += 1
  }

  /// As an administrator does it: the new key beside the old one, the old one disabled once nobody signs with it.
  private mutating func replaceKey() throws {
    guard halfKeyEnds == nil, oldKeyEnds == nil else { return }
    keys += 1
    let new = RealmDraft.Key(id: "LTAIsoaksoak\(10_000_000 + keys)", secret: "SoakSecretSoakSecret\(10_000_000 + keys)")
    let old = realm.keys[0]
    realm.keys = [new, old]
    try lab.emulator.reload(realm: realm.text)
    try lab.write(key: new)
    try eventually("the new AccessKey is in use") { try lab.report().sources.first?.accessKeyID == new.id }
    oldKeyEnds = elapsed + 5
    tally.newKeys += 1
  }

  /// A copy that is under way for some seconds: the key in use stays.
  private mutating func halveKey() throws {
    guard halfKeyEnds == nil else { return }
    try lab.write(keyFile: "AccessKey ID,AccessKey Secret\n\(realm.keys[0].id)")
    halfKeyEnds = elapsed + .random(in: 1...10, using: &chance)
    tally.halfKeys += 1
  }

  /// A new process knows no sessions: it is started when roles with a promise can be refreshed, and when nobody's file
  /// would stay behind whose end it doesn't know.
  private mutating func restart(_ signal: CInt) throws -> Bool {
    guard elapsed < seconds * Self.restartingShare else { return true }
    let needed = RoleSet.steady + RoleSet.long + RoleSet.withFiles
    guard halfKeyEnds == nil, !needed.contains(where: isTroubled) else { return false }
    let length = try Laboratory.seconds {
      try stage.restart {
        daemon.child.signal(signal)
        let status = daemon.child.wait()
        guard status == (signal == SIGKILL ? 128 + SIGKILL : 0) else {
          throw ProgramEnded(name: "rolekeeperd", status: status, errors: String(daemon.log.suffix(2000)))
        }
        try lab.start(wrapper: Interruption.wrapper, named: "daemon\(tally.terminations + tally.kills + 2)")
      }
    }
    if signal == SIGKILL { tally.kills += 1 } else { tally.terminations += 1 }
    tally.longestRestart = max(tally.longestRestart, length)
    lifeStarted = elapsed
    lastLife = nil
    return true
  }

  private func expect(_ status: Int, of reply: HTTPReply) throws {
    guard reply.status == status else { throw NoCredential(reply: reply) }
  }
}
