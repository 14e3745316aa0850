import Core
import Logs
import Synchronization
import Systemd
import TestSupport
import Testing

@testable import Daemon
@testable import Settings
@testable import SocketAPI

/// Which parts of the daemon a reload changes, in which order, and whom it answers: the parts, the files and the time are the test's.
@Suite struct ReloaderTests {
  private let scheduler = VirtualScheduler()
  private let recorder = LogRecorder()
  private let parts = FakeParts()
  private let files: FakeFiles
  private let settings: SettingsInForce
  private let reloader: Reloader
  private let answers = Answers()

  private final class Answers {
    var all: [String] = []
  }

  init() {
    let old = Self.settings([Self.role("a"), Self.role("b")])
    files = FakeFiles(old)
    settings = SettingsInForce(old)
    reloader = Reloader(settings, parts: parts, scheduler: scheduler, log: recorder.log) {
      [files] in files.read()
    }
  }

  // MARK: - Settings

  private static let main = "/etc/rolekeeper/rolekeeper.toml"

  private static func role(_ name: String) -> RoleSettings {
    RoleSettings(
      name: RoleName(name)!, arn: RoleARN("acs:ram::1:role/\(name)")!, timing: RoleTiming(),
      sessionName: .standard,
      policy: nil, externalID: nil, source: "main", readers: AccessRule(), outputs: [])
  }

  private static func settings(_ roles: [RoleSettings]) -> DaemonSettings {
    DaemonSettings(
      sources: [],
      sts: STSSettings(
        endpoint: Endpoint("sts.example.com")!, fallbackEndpoints: [], proxy: nil, caFile: nil,
        connectTimeout: .seconds(2), timeout: .seconds(10), lookupTimeout: .seconds(2),
        requestsPerSecond: 2, burst: 20),
      socket: SocketSettings(
        path: "/run/rolekeeper/rolekeeper.sock", mode: 0o660, gid: nil, maxConnections: 64,
        maxConnectionsPerUID: 8),
      filesDirectory: "/run/rolekeeper/roles", admins: AccessRule(), logLevel: .notice,
      roles: roles,
      inventory: SettingsInventory(
        files: [.init(path: main, roles: roles.map(\.name), endsInLineFeed: true, lastTable: nil)]))
  }

  private static func finding(_ severity: Diagnostic.Severity, _ problem: String) -> Diagnostic {
    Diagnostic(
      severity: severity, place: Place(file: main, line: 3, key: "socket.mode"), problem: problem,
      remedy: "write another")
  }

  // MARK: - Steps

  private func ask(allowingRemoval: Bool = false, as name: String = "asked") {
    reloader.reload(allowingRemoval: allowingRemoval) { [answers] result in
      switch result {
      case .done(let warnings): answers.all.append("\(name): done \(warnings.count)")
      case .refused(let errors): answers.all.append("\(name): refused \(errors.count)")
      }
    }
  }

  /// Reloads with the settings in force, changed; returns what was done to the parts.
  private func reload(allowingRemoval: Bool = false, _ change: (inout DaemonSettings) -> Void)
    -> [String]
  {
    var new = settings.whole
    change(&new)
    new.inventory.files[0].roles = new.roles.map(\.name)
    files.say(new)
    parts.calls = []
    ask(allowingRemoval: allowingRemoval)
    scheduler.settle()
    return parts.calls
  }

  /// What each reload that succeeds does, whatever it changes.
  private static let always = [
    "began", "connections", "general", "connect", "limits 64", "record directories", "move outputs",
    "move record",
    "record outputs", "roles changed false", "readiness", "readers", "retry sources", "retry roles",
    "trim", "ended",
  ]

  private func extra(_ calls: [String]) -> [String] { calls.filter { !Self.always.contains($0) } }

  /// A reload was refused as a whole where a restart would have gone on without the loopback URI.
  @Test func `a loopback address that isn't served is a warning, and the settings are in force`() {
    parts.unserved = ["the loopback URI isn't served: no netlink"]
    let calls = reload {
      $0.logLevel = .debug
      $0.loopback = LoopbackSettings(addresses: [LoopbackAddress("127.0.0.1:7180")!])
    }
    #expect(extra(calls) == ["loopback [127.0.0.1:7180]", "serve loopback [127.0.0.1:7180]"])
    #expect(answers.all == ["asked: done 1"] && settings.whole.logLevel == .debug)
  }

  // MARK: - For the next process

  @Test func `the files of settings are recorded before a role changes, and those of refused ones never`() {
    let content = SettingsContent(files: [SettingsContent.File(path: Self.main, bytes: Array("new".utf8))])
    parts.applied = { [unowned parts] in #expect(parts.recorded == [content]) }
    files.say(settings.whole, content: content)
    ask()
    scheduler.settle()
    #expect(parts.recorded == [content])
    files.say(nil, [Self.finding(.error, "is wrong")], content: content)
    ask()
    scheduler.settle()
    #expect(parts.recorded.count == 1 && answers.all == ["asked: done 0", "asked: refused 1"])
  }

  // MARK: - Whom it answers

  @Test
  func `settings that change nothing are put in force in order, and whoever asked is answered`() {
    #expect(reload { _ in } == Self.always)
    #expect(
      answers.all == ["asked: done 0"]
        && recorder.all.map { $0.contains(LogEvent.settingsReloaded.phrase) } == [true])
    #expect(reloader.counts.done == 1 && reloader.counts.refused == 0)
  }

  @Test func `nobody is answered and nothing is done before the files have been read`() {
    ask()
    #expect(parts.calls == ["began"] && answers.all.isEmpty && files.readings == 0)
    scheduler.settle()
    #expect(parts.calls.last == "ended" && answers.all.count == 1 && files.readings == 1)
  }

  @Test func `whoever asks during a reading is answered by the next one, all together`() {
    ask(as: "first")
    ask(as: "second")
    ask(as: "third")
    #expect(parts.calls == ["began"])
    var order: [String] = []
    parts.ended = { [answers, files] in
      order.append("\(files.readings) read, \(answers.all.count) answered")
    }
    scheduler.settle()
    #expect(
      files.readings == 2 && answers.all == ["first: done 0", "second: done 0", "third: done 0"])
    #expect(order == ["1 read, 0 answered", "2 read, 1 answered"])
    #expect(reloader.counts.done == 2)
  }

  @Test func `whoever asks in answer to a reload has one reading of its own`() {
    var more = 2
    reloader.reload(allowingRemoval: false) { [self] _ in
      while more > 0 {
        more -= 1
        ask(as: "again")
      }
    }
    scheduler.settle()
    #expect(answers.all == ["again: done 0", "again: done 0"])
    ask(as: "later")
    scheduler.settle()
    #expect(answers.all.last == "later: done 0")
    #expect(
      parts.calls.count { $0 == "began" } == files.readings
        && parts.calls.count { $0 == "ended" } == files.readings)
    #expect(parts.deepest == 1, "one at a time")
  }

  @Test func `whoever allows removal allows it for all who ask together`() {
    files.say(Self.settings([]))
    ask(as: "first")
    ask(as: "second")
    ask(allowingRemoval: true, as: "third")
    scheduler.settle()
    #expect(answers.all == ["first: refused 1", "second: done 1", "third: done 1"])
    #expect(parts.calls.contains("roles changed true"))
  }

  @Test
  func
    `where the files can't be read beside the loop all who ask are refused, and the next is not`()
    throws
  {
    let broken = BrokenScheduler(scheduler)
    let reloader = Reloader(settings, parts: parts, scheduler: broken, log: recorder.log) {
      [files] in files.read()
    }
    var results: [Bool] = []
    func ask() {
      reloader.reload(allowingRemoval: false) {
        if case .done = $0 { results.append(true) } else { results.append(false) }
      }
    }
    ask()
    #expect(
      results == [false] && parts.calls == ["began", "ended"] && reloader.counts.refused == 1)
    #expect(
      try #require(reloader.refusal).errors[0].hasPrefix(
        "cannot read the settings beside the loop: event loop"))
    broken.isBroken = false
    ask()
    scheduler.settle()
    #expect(results == [false, true] && reloader.refusal == nil)
  }

  // MARK: - Refusals

  @Test func `errors refuse a reload, are logged each, and stay known until one succeeds`() throws {
    files.say(
      nil,
      [
        Self.finding(.error, "is wrong"), Self.finding(.warning, "is odd"),
        Self.finding(.note, "wasn't checked"),
      ])
    ask()
    scheduler.settle()
    #expect(answers.all == ["asked: refused 1"] && parts.calls == ["began", "ended"])
    #expect(recorder.all.count == 2 && recorder.all[0].contains(LogEvent.settingsWarning.phrase))
    #expect(
      recorder.all[1].contains(LogEvent.settingsNotReloaded.phrase)
        && recorder.all[1].contains("is wrong"))
    let refusal = try #require(reloader.refusal)
    #expect(
      refusal.at == UTCTime(seconds: Int64(scheduler.wallSeconds)) && refusal.errors.count == 1)
    #expect(reloader.counts.refused == 1 && reloader.counts.done == 0)
    _ = reload { _ in }
    #expect(reloader.refusal == nil && reloader.counts.done == 1)
  }

  @Test func `the socket for units is made before anything changes, and served with the rest`() {
    let socket = CredentialsSettings(path: "/run/rolekeeper/c", wait: .seconds(1))
    #expect(
      extra(reload { $0.credentials = socket }) == [
        "credentials /run/rolekeeper/c", "serve credentials /run/rolekeeper/c",
      ])
    let calls = reload { $0.credentials?.wait = .seconds(2) }
    let made = calls.firstIndex(of: "credentials /run/rolekeeper/c")
    let served = calls.firstIndex(of: "serve credentials /run/rolekeeper/c")
    #expect(
      made == calls.firstIndex(of: "connections").map { $0 + 1 }
        && served == calls.firstIndex(of: "connect").map { $0 + 1 })
    // Gone without a word, it looks like a file that was cut off; the fake files say only that it is none of theirs.
    #expect(extra(reload { $0.credentials = nil }) == [])
  }

  @Test func `what looks like a file that was cut off is refused, and changes nothing`() {
    let before = settings.whole
    #expect(reload { $0.roles = [] } == ["began", "ended"])
    #expect(
      answers.all == ["asked: refused 1"] && settings.whole == before && reloader.refusal != nil)
  }

  @Test func `a loss that is allowed is carried out, and reported`() {
    let calls = reload(allowingRemoval: true) { $0.roles = [] }
    #expect(extra(calls) == ["remove a", "remove b", "roles changed true"])
    #expect(
      answers.all == ["asked: done 1"]
        && recorder.all.count { $0.contains(LogEvent.settingsWarning.phrase) } == 1)
  }

  @Test func `what isn't a loss is carried out with a warning`() {
    #expect(extra(reload { $0.roles.removeLast() }) == ["remove b"])
    #expect(
      answers.all == ["asked: done 1"]
        && recorder.all.count { $0.contains(LogEvent.settingsWarning.phrase) } == 1)
  }

  @Test func `files that were never written go without a warning`() {
    let files = ["c", "d", "e"].map {
      OutputSettings(location: .elsewhere(path: "/home/a/\($0)"), format: .known(.json), uid: 1, gid: 1, mode: 0o400)
    }
    _ = reload { $0.roles[0].outputs = files }
    _ = reload { $0.roles[0].outputs.removeLast() }
    parts.unwrittenOutputs = [RoleName("a")!: [.elsewhere(path: "/home/a/d")]]
    _ = reload { $0.roles[0].outputs.removeLast() }
    #expect(answers.all == ["asked: done 0", "asked: done 1", "asked: done 0"])
  }

  @Test(arguments: ["connections", "socket /run/other.sock", "access 640"])
  func `what can't be had refuses the reload, and nothing is changed`(_ step: String) {
    let before = settings.whole
    parts.failing = step
    let calls = reload {
      if step.hasPrefix("socket") {
        $0.socket.path = "/run/other.sock"
      } else {
        $0.socket.mode = 0o640
      }
    }
    #expect(calls.last == "ended" && !calls.contains("general") && !calls.contains("connect"))
    #expect(settings.whole == before && answers.all == ["asked: refused 1"])
    #expect(reloader.refusal?.errors == ["no \(step)"])
  }

  // MARK: - What it changes

  @Test func `the new settings are in force before anything is changed`() {
    var isApplied = false
    parts.applied = { [settings] in isApplied = settings.whole.logLevel == .debug }
    _ = reload { new in
      new.logLevel = .debug
      new.roles[1].externalID = "x"
    }
    #expect(isApplied && settings.roles[1].externalID == "x")
  }

  @Test func `another path of the socket moves it, once all that is new is there`() {
    let calls = reload { $0.socket.path = "/run/other.sock" }
    #expect(extra(calls) == ["socket /run/other.sock", "move socket"])
    #expect(
      Array(calls.prefix(7)) == [
        "began", "connections", "socket /run/other.sock", "general", "connect", "move socket",
        "limits 64",
      ])
  }

  @Test func `other access to the socket is set on the one that stays`() {
    #expect(extra(reload { $0.socket.mode = 0o640 }) == ["access 640"])
    #expect(extra(reload { $0.socket.maxConnections = 32 }) == ["access 640", "limits 32"])
  }

  @Test func `rates are changed only where they are others`() {
    #expect(extra(reload { $0.sts.requestsPerSecond = 5 }) == ["rate 5.0 20"])
    #expect(extra(reload { $0.sts.burst = 7 }) == ["rate 5.0 7"])
    #expect(extra(reload { $0.sts.fleetSize = 100 }) == ["rate 5.0 7"])
    #expect(extra(reload { $0.sts.timeout = .seconds(20) }).isEmpty)
  }

  @Test func `another way to STS ends the waits for the one before`() {
    #expect(extra(reload { $0.sts.endpoint = Endpoint("sts.example.org")! }) == ["peer"])
    #expect(extra(reload { $0.sts.fallbackEndpoints = [Endpoint("sts.example.net")!] }) == ["peer"])
    let proxy = ProxySettings(
      address: try! ProxyAddress("http://proxy.example.com:3128"), passwordFile: nil)
    #expect(extra(reload { $0.sts.proxy = proxy }) == ["peer"])
    let calls = reload { $0.sts.proxy?.passwordFile = "/etc/password" }
    #expect(extra(calls).isEmpty)
  }

  @Test func `roles are removed before others are added, in the order of the settings`() {
    let calls = reload { $0.roles = [Self.role("d"), Self.role("b"), Self.role("c")] }
    #expect(extra(calls) == ["remove a", "add d", "add c"])
    let last = calls.lastIndex(of: "add c")!
    #expect(calls.firstIndex(of: "record outputs")! < calls.firstIndex(of: "remove a")!)
    #expect(last < calls.firstIndex(of: "roles changed false")!)
  }

  struct Row: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let calls: [String]
    let change: @Sendable (inout RoleSettings) -> Void
  }

  @Test(arguments: [
    Row(testDescription: "nothing", calls: []) { _ in },
    Row(testDescription: "whose sessions are for something else", calls: ["replace a"]) {
      $0.policy = Array("{}".utf8)
    },
    Row(testDescription: "for something else, with another file", calls: ["replace a"]) {
      $0.policy = Array("{}".utf8)
      $0.outputs = [
        OutputSettings(
          location: .roleDirectory(name: "x"), format: .known(.json), uid: 1, gid: 1, mode: 0o400)
      ]
    },
    Row(testDescription: "requested in another way", calls: ["change a", "request a"]) {
      $0.externalID = "x"
    },
    Row(testDescription: "with other times", calls: ["change a"]) {
      $0.timing.floor = .minutes(10)
    },
    Row(testDescription: "with other readers", calls: ["change a"]) {
      $0.readers = AccessRule(uids: [7])
    },
    Row(testDescription: "with another file", calls: ["change a", "outputs a"]) {
      $0.outputs = [
        OutputSettings(
          location: .roleDirectory(name: "x"), format: .known(.json), uid: 1, gid: 1, mode: 0o400)
      ]
    },
    Row(testDescription: "with all of that", calls: ["change a", "outputs a", "request a"]) {
      $0.timing.duration = .hours(2)
      $0.outputs = [
        OutputSettings(
          location: .roleDirectory(name: "x"), format: .known(.json), uid: 1, gid: 1, mode: 0o400)
      ]
    },
  ])
  func `a role is changed as far as its settings differ`(_ row: Row) {
    #expect(extra(reload { row.change(&$0.roles[0]) }) == row.calls)
  }

  @Test func `a role is compared with what is in force, not with what was refused`() {
    files.say(nil, [Self.finding(.error, "is wrong")])
    ask()
    scheduler.settle()
    #expect(extra(reload { $0.roles[0].externalID = "x" }) == ["change a", "request a"])
    #expect(extra(reload { $0.roles[0].externalID = "x" }).isEmpty)
  }
}

/// What the settings' files say, and how often they were read.
private final class FakeFiles: Sendable {
  private struct State {
    var loaded: LoadedSettings
    var readings = 0
  }

  private let state: Mutex<State>

  init(_ settings: DaemonSettings) {
    state = Mutex(State(loaded: LoadedSettings(settings: settings, diagnostics: [])))
  }

  var readings: Int { state.withLock { $0.readings } }

  func say(
    _ settings: DaemonSettings?, _ diagnostics: [Diagnostic] = [], content: SettingsContent = SettingsContent()
  ) {
    state.withLock {
      $0.loaded = LoadedSettings(settings: settings, diagnostics: diagnostics, content: content)
    }
  }

  func read() -> LoadedSettings {
    state.withLock { state in
      state.readings += 1
      return state.loaded
    }
  }
}

private struct Unavailable: Error, CustomStringConvertible {
  let description: String
}

/// Writes down what is asked of it.
private final class FakeParts: ReloadableParts {
  var calls: [String] = []
  var recorded: [SettingsContent] = []
  var unwrittenOutputs: [RoleName: Set<OutputSettings.Location>] = [:]
  /// The step that can't be taken.
  var failing: String?
  /// Why a loopback address isn't served.
  var unserved: [String] = []
  var applied: () -> Void = {}
  var ended: () -> Void = {}
  /// How many reloads were under way at the same time.
  private(set) var deepest = 0
  private var underWay = 0

  func reloadBegan() {
    underWay += 1
    deepest = max(deepest, underWay)
    calls.append("began")
  }
  func reloadEnded() {
    underWay -= 1
    calls.append("ended")
    ended()
  }

  private func prepare(_ step: String) throws {
    calls.append(step)
    if step == failing { throw Unavailable(description: "no \(step)") }
  }

  func prepareConnections(_ new: DaemonSettings) throws -> () -> Void {
    try prepare("connections")
    return { [unowned self] in calls.append("connect") }
  }
  func prepareSocket(_ new: SocketSettings) throws -> () -> Void {
    try prepare("socket \(new.path)")
    return { [unowned self] in calls.append("move socket") }
  }
  func prepareLoopback(_ new: LoopbackSettings?) throws -> () -> [String] {
    if let new { try prepare("loopback \(new.addresses)") }
    return { [unowned self] in
      if let new { calls.append("serve loopback \(new.addresses)") }
      return unserved
    }
  }
  func prepareCredentials(_ new: CredentialsSettings?) throws -> () -> Void {
    if let new { try prepare("credentials \(new.path)") }
    return { [unowned self] in if let new { calls.append("serve credentials \(new.path)") } }
  }
  func changeSocketAccess(_ new: SocketSettings) throws {
    try prepare("access \(String(new.mode, radix: 8))")
  }

  func applyGeneral(_ new: DaemonSettings) {
    calls.append("general")
    applied()
  }
  func applyLimits(_ new: SocketSettings) { calls.append("limits \(new.maxConnections)") }
  func applyRate(_ new: STSSettings) { calls.append("rate \(new.requestsPerSecond) \(new.burst)") }
  func recordDirectories(of new: DaemonSettings) { calls.append("record directories") }
  func moveOutputs() { calls.append("move outputs") }
  func moveRecord(to new: DaemonSettings) { calls.append("move record") }
  func recordOutputs(of new: DaemonSettings) { calls.append("record outputs") }
  func recordSettings(_ content: SettingsContent) { recorded.append(content) }
  func remove(_ role: RoleName) { calls.append("remove \(role)") }
  func add(_ role: RoleSettings) { calls.append("add \(role.name)") }
  func replace(_ role: RoleSettings) { calls.append("replace \(role.name)") }
  func change(_ role: RoleSettings) { calls.append("change \(role.name)") }
  func changeOutputs(of role: RoleSettings) { calls.append("outputs \(role.name)") }
  func requestChanged(_ role: RoleName) { calls.append("request \(role)") }
  func rolesChanged(allowsRemoval: Bool) { calls.append("roles changed \(allowsRemoval)") }
  func checkReadiness() { calls.append("readiness") }
  func reviewReaders() { calls.append("readers") }
  func peerChanged() { calls.append("peer") }
  func retrySources() { calls.append("retry sources") }
  func retryRoles() { calls.append("retry roles") }
  func trimMemory() { calls.append("trim") }
}

/// Has no thread for a call until it is put right.
private final class BrokenScheduler: Scheduler {
  private let scheduler: any Scheduler
  var isBroken = true

  init(_ scheduler: any Scheduler) { self.scheduler = scheduler }

  var time: Timestamp { scheduler.time }
  var wallMicroseconds: Int64 { scheduler.wallMicroseconds }

  func timer(accuracy: Int64, handler: @escaping () -> Void) throws(LoopError) -> any Alarm {
    try scheduler.timer(accuracy: accuracy, handler: handler)
  }

  func deferred(handler: @escaping () -> Void) -> any Deferral {
    scheduler.deferred(handler: handler)
  }

  func call<Value: Sendable>(
    _ work: @escaping @Sendable () -> Value, completion: @escaping (Value) -> Void
  ) throws(LoopError) -> AnyObject {
    if isBroken { throw LoopError(attempt: "start a thread", errno: 11) }
    return try scheduler.call(work, completion: completion)
  }
}
