import Core
import Refresh
import RefreshBench
import Secrets
import TestSupport
import Testing
import Wire

@testable import CredentialServer
@testable import Settings

/// Which unit gets which credential, and when.
@Suite struct UnitServiceTests {
  private let bench: UnitBench

  init() throws { bench = try UnitBench() }

  @Test func `a unit gets the credential of a role that allows it, in the requested format`() {
    bench.add("uploader")
    let document = bench.ask("uploader")
    #expect(document.isClosed && document.text.hasPrefix(#"{"Code":"Success""#) && document.text.contains("secret1"))
    #expect(bench.ask("uploader.json").text == document.text)
    let variables = bench.ask("uploader.env", for: "encode@7.service")
    #expect(variables.isClosed && variables.text.contains("ALIBABA_CLOUD_ACCESS_KEY_SECRET='secret1'\n"))
    #expect(bench.server.count == 0)
  }

  @Test(arguments: CredentialFormat.allCases)
  func `a unit may name each format`(format: CredentialFormat) {
    bench.add("uploader")
    let channel = bench.ask("uploader.\(format.rawValue)")
    #expect(channel.isClosed && channel.text.contains("secret1") && channel.text.contains("token1"))
  }

  private static func file(_ template: String) throws -> OutputSettings {
    OutputSettings(
      location: .roleDirectory(name: "file"), format: .template(try CredentialTemplate(Array(template.utf8))), uid: 0,
      gid: 0, mode: 0o400)
  }

  @Test func `a unit may name the template of the role's files`() throws {
    bench.add("uploader", outputs: [try Self.file("k={{access_key_secret}}")])
    let channel = bench.ask("uploader.template")
    #expect(channel.isClosed && channel.text == "k=secret1")
  }

  @Test(arguments: [[], ["a {{expiration}}", "b {{expiration}}"]])
  func `without exactly one template a unit that names it is refused`(templates: [String]) throws {
    bench.add("uploader", outputs: try templates.map(Self.file))
    #expect(bench.ask("uploader.template").isRefused)
    let lines = bench.lines(with: "no credential for a unit, so its start fails")
    #expect(lines.count == 1 && lines[0].contains("the files of role 'uploader' have no template, or several"))
    #expect(bench.service.figures.refusals == [.unknownCredential: 1])
  }

  /// The session stays the one of the invocation, in a format that can hold it.
  @Test func `a unit whose format can't hold the credential is refused, and the journal doesn't have it`() {
    bench.refresh.tokenStart = "to#ken"
    bench.add("uploader")
    #expect(bench.ask("uploader.env-file").isRefused)
    let lines = bench.lines(with: "no credential for a unit, so its start fails")
    let reason = "the security token has a character that format 'env-file' can't hold"
    #expect(lines.count == 1 && lines[0].contains(reason))
    #expect(!lines.contains { $0.contains("to#ken") } && bench.lines(with: "credential handed out").isEmpty)
    #expect(bench.service.figures.refusals == [.unfitFormat: 1] && bench.service.figures.handouts.isEmpty)
    #expect(bench.ask("uploader.env").text.contains("to#ken1"))
  }

  @Test func `only the first hand-out of a session to a unit is logged`() {
    bench.add("uploader")
    for _ in 0..<3 { _ = bench.ask("uploader") }
    _ = bench.ask("uploader", for: "encode@1.service")
    #expect(
      bench.lines(with: "credential handed out") == [
        "notice: credential handed out access_key_id=STS.1 generation=1 pid=70 program=(sd-mkdcreds) role=uploader uid=0 unit=app.service via=LoadCredential",
        "notice: credential handed out access_key_id=STS.1 generation=1 pid=70 program=(sd-mkdcreds) role=uploader uid=0 unit=encode@1.service via=LoadCredential",
      ])
    #expect(bench.service.figures.handouts == [RoleName("uploader")!: 4])
  }

  struct Refused: CustomTestStringConvertible {
    let id: String
    let unit: String
    let kind: UnitFigures.Refusal
    let words: [String]
    var testDescription: String { "\(id) for \(unit)" }
  }

  private static let refused = [
    Refused(
      id: "uploader", unit: "other.service", kind: .notAllowed,
      words: ["roles.uploader.allow doesn't name this unit", "units = [\"other.service\"]", "role=uploader"]),
    Refused(id: "downloader", unit: "app.service", kind: .unknownCredential, words: ["there is no role 'downloader'"]),
    Refused(
      id: "uploader.xml", unit: "app.service", kind: .unknownCredential,
      words: ["LoadCredential=uploader.xml names no credential", "json, env"]),
  ]

  @Test(arguments: refused)
  func `a unit without access is refused at once, with an oversized answer, and the journal says why`(
    _ given: Refused
  ) {
    bench.add("uploader")
    let channel = bench.ask(given.id, for: given.unit)
    #expect(channel.isRefused)
    let lines = bench.lines(with: "no credential for a unit, so its start fails")
    #expect(lines.count == 1 && lines[0].hasPrefix("warning: ") && lines[0].contains("unit=\(given.unit)"))
    for word in given.words { #expect(lines.first?.contains(word) == true, "\(word): \(lines)") }
    #expect(bench.service.figures.refusals == [given.kind: 1])
  }

  // MARK: - Waiting

  @Test func `a unit that starts before the first session waits, and gets it as soon as it exists`() {
    bench.add("uploader", granted: false)
    let channel = bench.ask("uploader")
    bench.scheduler.advance(by: .seconds(9))
    #expect(!channel.isClosed && channel.bytes.isEmpty && bench.service.waitingCount == 1)
    bench.refresh.grantAll()
    #expect(channel.isClosed && channel.text.contains("STS.1") && bench.service.waitingCount == 0)
  }

  @Test func `a failed attempt doesn't end a unit's wait`() {
    bench.add("uploader", granted: false)
    let channel = bench.ask("uploader")
    bench.refresh.fail(bench.refresh.cloud.waiting[0], .permanent, code: "NoPermission")
    #expect(!channel.isClosed)
    bench.scheduler.advance(by: .seconds(10))
    #expect(channel.isRefused)
  }

  @Test func `without a valid session within the wait, the unit's start fails, with the reason`() {
    bench.add("uploader", granted: false)
    let channel = bench.ask("uploader")
    bench.refresh.fail(bench.refresh.cloud.waiting[0], code: "Connect")
    bench.scheduler.advance(by: .milliseconds(9_999))
    #expect(!channel.isClosed)
    bench.scheduler.advance(by: .milliseconds(1))
    #expect(channel.isRefused && bench.server.count == 0)
    let line = bench.lines(with: "no credential for a unit").first
    #expect(line?.contains("role 'uploader' has no valid session; the last attempt failed: Connect: look") == true)
    #expect(bench.service.figures.refusals == [.noSession: 1])
  }

  @Test func `each request has its own deadline`() {
    bench.add("uploader", granted: false)
    let first = bench.ask("uploader")
    bench.scheduler.advance(by: .seconds(4))
    bench.service.wait = .seconds(2)
    let second = bench.ask("uploader", for: "encode@1.service")
    bench.scheduler.advance(by: .seconds(2))
    #expect(second.isRefused && !first.isClosed)
    bench.scheduler.advance(by: .seconds(4))
    #expect(first.isRefused)
  }

  @Test func `with a wait of zero, a request is answered at once`() throws {
    let bench = try UnitBench(wait: .zero)
    bench.add("uploader", granted: false)
    #expect(bench.ask("uploader").isRefused)
    bench.refresh.grantAll()
    #expect(bench.ask("uploader").text.contains("STS.1"))
  }

  @Test func `a request whose peer has closed is dropped`() {
    bench.add("uploader", granted: false)
    let channel = bench.ask("uploader")
    bench.server.hungUp(channel.number!)
    #expect(channel.isClosed && bench.service.waitingCount == 0 && bench.server.count == 0)
    bench.refresh.grantAll()
    bench.scheduler.advance(by: .seconds(60))
    #expect(
      channel.bytes.isEmpty && bench.lines(with: "handed out").isEmpty && bench.lines(with: "no credential").isEmpty)
  }

  @Test func `a wait ends when a reload removes the access or the role`() {
    for change in ["right", "role"] {
      let role = bench.add(change, granted: false)
      let channel = bench.ask(change)
      if change == "right" {
        bench.refresh.refresher.change(role, to: UnitBench.settings(change, units: ["other.service"]))
      } else {
        bench.refresh.refresher.remove(role.name)
        bench.service.roleGone(role.name)
      }
      bench.service.settingsChanged()
      #expect(channel.isRefused, "\(change)")
    }
  }

  @Test func `when the daemon stops, waiting units are refused instead of getting an empty credential`() {
    bench.add("uploader", granted: false)
    let (reading, stuck) = (bench.ask("uploader"), bench.ask("uploader", for: "encode@1.service", room: 1000))
    var isDrained = false
    bench.service.endWaiting()
    bench.server.drain(within: .milliseconds(250)) { isDrained = true }
    #expect(reading.isRefused && !isDrained && !stuck.isClosed)
    bench.scheduler.advance(by: .milliseconds(250))
    #expect(isDrained)
  }

  // MARK: - One invocation

  @Test func `an invocation gets the same session for each request, even if the role is refreshed in between`() {
    let role = bench.add("uploader", pool: 1)
    let check = bench.ask("uploader")
    bench.refresh.advance(.minutes(40))
    bench.refresh.grantAll()
    #expect(role.generation == 2)
    #expect(bench.ask("uploader").text == check.text)
    #expect(bench.ask("uploader.env").text.contains("secret1"))
    // Another unit has the new one.
    #expect(bench.ask("uploader", for: "encode@1.service").text.contains("STS.2"))
    bench.records.invocations["app.service"] = "second"
    let next = bench.ask("uploader")
    #expect(next.text.contains("STS.2"))
    #expect(bench.lines(with: "unit=app.service").map { $0.contains("STS.1") } == [true, false])
  }

  /// From systemd 260 a reload may ask again in the same invocation (RefreshOnReload= in systemd.service(5)).
  @Test func `a unit that is reloaded for a new credential gets that one, and no other unit does`() {
    let role = bench.add("uploader", pool: 1)
    bench.records.invocations["encode@1.service"] = "first"
    _ = (bench.ask("uploader"), bench.ask("uploader", for: "encode@1.service"))
    bench.refresh.advance(.minutes(40))
    bench.refresh.grantAll()
    #expect(role.generation == 2)
    bench.service.willRefresh(UnitName("app.service")!)
    #expect(bench.ask("uploader").text.contains("STS.2"))
    #expect(bench.ask("uploader", for: "encode@1.service").text.contains("STS.1"))
    #expect(bench.lines(with: "unit=app.service").map { $0.contains("STS.1") } == [true, false])
    // It is the invocation's session from then on.
    bench.refresh.advance(.minutes(40))
    bench.refresh.grantAll()
    #expect(role.generation == 3 && bench.ask("uploader").text.contains("STS.2"))
  }

  @Test
  func `a session isn't handed out again if it has expired, STS refuses it, or the role has changed`() {
    let role = bench.add("uploader", pool: 1)
    _ = bench.ask("uploader")
    bench.refresh.advance(.minutes(40))
    bench.refresh.grantAll()
    bench.refresh.advance(.minutes(21))
    bench.refresh.grantAll()
    #expect(!bench.ask("uploader").text.contains("STS.1\""))

    let current = try! #require(role.current)
    bench.refresh.refresher.send(.condemned(current.session.id), to: role)
    bench.refresh.grantAll()
    #expect(!bench.ask("uploader").text.contains("\"\(current.session.accessKeyID)\""))

    let latest = try! #require(role.current).session.accessKeyID
    bench.refresh.refresher.remove(role.name)
    bench.service.roleGone(role.name)
    bench.add("uploader")
    #expect(!bench.ask("uploader").text.contains("\"\(latest)\""))
  }

  @Test func `an invocation has the same session from the next process, and the journal has it once`() throws {
    let role = bench.add("uploader", pool: 1)
    var handed: [UnitHandout] = []
    bench.service.willHandOut = { handed.append($0) }
    let check = bench.ask("uploader")
    _ = bench.ask("uploader.env")
    bench.refresh.advance(.minutes(40))
    bench.refresh.grantAll()
    _ = bench.ask("uploader")
    #expect(handed.count == 1 && handed[0].invocation == "first" && handed[0].handout.generation == 1)
    #expect(bench.service.units == [handed[0].unit])
    #expect(bench.service.handouts(to: handed[0].unit).map(\.handout.session) == [handed[0].handout.session])

    let next = try UnitBench()
    next.scheduler.time = bench.scheduler.time
    // Its own sessions have the same names.
    let other = next.add("uploader", pool: 1)
    next.refresh.refresher.send(.condemned(try #require(other.current).session.id), to: other)
    next.refresh.grantAll()
    let old = handed[0].handout.handedOver(of: role.name)
    let resumed = try #require(next.refresh.refresher.handout(resuming: old, generation: 1, for: other))
    next.service.resume(
      UnitHandout(unit: handed[0].unit, invocation: "first", role: other.name, handout: resumed))
    #expect(next.ask("uploader").text == check.text && next.lines(with: "unit=app.service").isEmpty)
    #expect(next.ask("uploader", for: "encode@1.service").text.contains("STS.2"))
    next.records.invocations["app.service"] = "second"
    #expect(next.ask("uploader").text.contains("STS.2"))
  }

  @Test func `where its invocation isn't known a unit has the latest session`() {
    bench.records.invocations = [:]
    bench.add("uploader", pool: 1)
    #expect(bench.ask("uploader").text.contains("STS.1"))
    bench.refresh.advance(.minutes(40))
    bench.refresh.grantAll()
    #expect(bench.ask("uploader").text.contains("STS.2"))
  }

  @Test func `memory for past units is bounded`() {
    bench.add("uploader")
    for number in 0..<1100 { _ = bench.ask("uploader", for: "encode@\(number).service") }
    let sessions = Mirror(reflecting: bench.service).descendant("sessions") as? InvocationSessions
    #expect(sessions?.count == 1024)
  }

  // MARK: - The journal

  @Test func `a unit that restarts repeatedly is logged once, then summed up once a minute`() {
    bench.add("uploader")
    for _ in 0..<30 {
      _ = bench.ask("uploader", for: "other.service")
      bench.scheduler.advance(by: .seconds(1))
    }
    #expect(bench.lines(with: "no credential for a unit").count == 1)
    bench.scheduler.advance(by: .seconds(60))
    let again = bench.lines(with: "more starts of a unit failed")
    #expect(again.count == 1 && again[0].contains("count=29") && again[0].contains("unit=other.service"), "\(again)")
    #expect(bench.service.figures.refusals == [.notAllowed: 30])
  }

  @Test func `log lines contain no secret`() {
    bench.add("uploader")
    _ = bench.ask("uploader")
    _ = bench.ask("uploader", for: "other.service")
    #expect(!bench.lines.all.contains { $0.contains("secret1") || $0.contains("token1") })
  }
}
