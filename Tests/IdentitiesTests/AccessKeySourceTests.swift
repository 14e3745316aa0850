import CloudAPI
import Core
import Glibc
import Logs
import RefreshBench
import Settings
import Systemd
import TestSupport
import Testing
import Wire

@testable import Identities

@Suite struct AccessKeySourceTests {
  private let directory: TemporaryDirectory
  private let loop: EventLoop
  private let sts = FakeSTS()
  private let journal = LogRecorder()

  /// Answers inquiries about keys' owners by hand.
  private final class FakeSTS: IdentityService {
    private(set) var asked: [(key: AccessKey, completion: (STSAnswer<CallerIdentity>) -> Void)] = []

    func ask(_ signer: SigningIdentity, completion: @escaping (STSAnswer<CallerIdentity>) -> Void) -> AnyObject {
      asked.append((signer.key, completion))
      return self
    }

    /// Answers the oldest call.
    func answer(_ answer: STSAnswer<CallerIdentity>) throws {
      try #require(!asked.isEmpty)
      asked.removeFirst().completion(answer)
    }
  }

  static let bot = CallerIdentity(arn: "acs:ram::1:user/bot")
  static let unknown = Failure(.permanent, code: "InvalidAccessKeyId.NotFound", httpStatus: 404, advice: "a")

  init() throws {
    directory = try TemporaryDirectory()
    loop = try EventLoop()
    mkdir(directory.path("keys"), 0o755)
  }

  private func source(
    _ file: String = "key", name: String = "main", succeeding old: AccessKeySource? = nil, stays: Bool = false,
    watching calls: DirectoryWatch.Calls = DirectoryWatch.Calls()
  ) throws -> AccessKeySource {
    let source = try AccessKeySource(
      name: name, at: .file(directory.path("keys/\(file)")),
      succeeding: old.map { AccessKeySource.Predecessor(source: $0, stays: stays) }, loop: loop, log: journal.log,
      watching: calls)
    source.identities = sts
    return source
  }

  private func put(_ id: String, _ name: String = "key", mode: UInt32 = 0o400) throws {
    try directory.write("AccessKey ID,AccessKey Secret\n\(id),secret-of-\(id)\n", to: "keys/\(name)", mode: mode)
  }

  private func replace(by id: String) throws {
    try put(id, "new")
    rename(directory.path("keys/new"), directory.path("keys/key"))
    try settle()
  }

  /// Turns the loop until there is nothing left to do.
  private func settle() throws {
    while try loop.runOnce(timeout: .milliseconds(20)) {}
  }

  private func status(_ source: AccessKeySource) -> SourceStatus {
    source.status(clock: ServerClock(wallMicroseconds: 1_800_000_000_000_000, at: Timestamp(microseconds: 0)))
  }

  /// The status line was up to half a minute late.
  @Test func `state changes are announced when AssumeRole refuses the key, and when it accepts it`()
    throws
  {
    try put("LTAIoldoldoldold")
    let source = try source()
    let key = try #require(source.key)
    var states: [SourceState] = []
    source.stateChanged = { [unowned source] in states.append(source.state) }
    source.refused(key, Self.unknown)
    #expect(states == [.refused])
    source.refused(key, Self.unknown)
    #expect(states == [.refused])
    source.accepted(key)
    #expect(states.last == .working)
  }

  @Test func `a key renamed into place signs once STS has accepted it, and its change is announced`() throws {
    try put("LTAIoldoldoldold")
    let source = try source()
    var changes = 0
    source.changed = { changes += 1 }
    try replace(by: "LTAInewnewnewnew")
    try sts.answer(.granted(Self.bot))
    #expect(source.key?.id == "LTAIoldoldoldold" && changes == 0 && source.state == .proving)
    #expect(sts.asked.first?.key.id == "LTAInewnewnewnew")
    try sts.answer(.granted(Self.bot))
    #expect(source.key?.id == "LTAInewnewnewnew" && changes == 1 && source.state == .working)
    #expect(status(source).provenAt != nil && status(source).lastAcceptedAt == nil)
    source.accepted(try #require(source.key))
    #expect(status(source).lastAcceptedAt != nil)
  }

  @Test func `a wrong key isn't used, and the status shows which and why`() throws {
    try put("LTAIoldoldoldold")
    let source = try source()
    source.accepted(try #require(source.key))
    try replace(by: "LTAIwrongwrongwr")
    try sts.answer(.granted(Self.bot))
    try sts.answer(.refused(Self.unknown))
    let shown = status(source)
    #expect(shown.state == .keyNotTaken && shown.accessKeyID == "LTAIoldoldoldold")
    #expect(shown.newKey?.accessKeyID == "LTAI…ngwr" && shown.newKey?.error?.code == Self.unknown.code)
    #expect(
      source.forReaders(clock: ServerClock(wallMicroseconds: 0, at: Timestamp(microseconds: 0))).error?.code
        == Self.unknown.code)
    #expect(source.trouble?.contains(Self.unknown.code) == true)
    #expect(journal.all.contains { $0.hasPrefix("error: new AccessKey refused") })
    #expect(!journal.all.joined().contains("LTAIwrongwrongwr"))
  }

  @Test func `a key that is refused by AssumeRole is replaced by the one in the file at once`() throws {
    try put("LTAIoldoldoldold")
    let source = try source()
    let old = try #require(source.key)
    source.refused(old, Self.unknown)
    #expect(source.state == .refused)
    try replace(by: "LTAInewnewnewnew")
    #expect(source.key?.id == "LTAInewnewnewnew" && source.state == .unproven)
    #expect(status(source).accessKeyID == "LTAI…wnew" && status(source).provenAt == nil)
  }

  @Test(arguments: ["half a file", "no file", "open to others"])
  func `an unusable file keeps the key, and is shown until it is usable again`(_ fault: String) throws {
    try put("LTAIoldoldoldold")
    let source = try source()
    source.accepted(try #require(source.key))
    #expect(source.state == .working)
    switch fault {
    case "half a file":
      unlink(directory.path("keys/key"))
      try directory.write("AccessKey ID,AccessKey Secret\nLTAInew", to: "keys/key", mode: 0o400)
    case "no file": unlink(directory.path("keys/key"))
    default: chmod(directory.path("keys/key"), 0o444)
    }
    try settle()
    #expect(source.key?.id == "LTAIoldoldoldold" && source.state == .unreadable)
    let shown = status(source)
    #expect(shown.error?.code == "AccessKeyFile" && shown.error?.advice.contains("keys/key") == true)
    #expect(source.trouble?.contains("keys/key") == true)
    try replace(by: "LTAIoldoldoldold")
    #expect(source.state == .working && status(source).error == nil && source.trouble == nil)
  }

  /// After a reload with another file its key was used unproven, or none if there was no such file.
  @Test func `if the settings name another file, the key in force signs until the new one is proven`() throws {
    try put("LTAIoldoldoldold")
    let old = try source()
    old.accepted(try #require(old.key))
    let next = try source("next", succeeding: old)
    #expect(
      next.fileError == nil && journal.all.count { $0.contains("not read again") } == 0, "nothing is in force yet")
    next.takeOver()
    #expect(next.key?.id == "LTAIoldoldoldold" && next.state == .unreadable)
    #expect(status(next).error?.advice.contains("keys/next") == true && status(next).provenAt != nil)
    #expect(next.trouble?.contains("keys/next") == true)
    try put("LTAIwrongwrongwr", "next")
    try settle()
    try sts.answer(.granted(Self.bot))
    try sts.answer(.refused(Self.unknown))
    #expect(next.key?.id == "LTAIoldoldoldold" && next.state == .keyNotTaken)
    unlink(directory.path("keys/next"))
    try put("LTAInewnewnewnew", "next")
    // No more than one call a second.
    try turn { !sts.asked.isEmpty }
    try sts.answer(.granted(Self.bot))
    #expect(next.key?.id == "LTAInewnewnewnew" && next.state == .working)
  }

  @Test func `the outcome of a former source's request goes to the new one, and the former file isn't watched`()
    throws
  {
    try put("LTAIoldoldoldold")
    try put("LTAInewnewnewnew", "next")
    let old = try source()
    let key = try #require(old.key)
    let next = try source("next", succeeding: old)
    next.takeOver()
    old.accepted(key)
    #expect(next.keys.current?.lastAccepted != nil && old.keys.current?.lastAccepted == nil)
    let lines = journal.all.count
    try put("LTAIanother", "key2")
    rename(directory.path("keys/key2"), directory.path("keys/key"))
    try settle()
    #expect(journal.all.count == lines && old.key?.id == key.id)
    old.refused(key, Self.unknown)
    #expect(next.key?.id == "LTAInewnewnewnew", "the new location's signs at once")
  }

  /// The sources after a reload with `old`: each name with its key's file.
  private func reload(
    _ wanted: KeyValuePairs<String, String>, keeping old: [String: AccessKeySource] = [:],
    switches: [String: String] = [:]
  ) throws -> [String: AccessKeySource] {
    let places = wanted.map {
      (name: $0.key, location: AccessKeySource.Location.file(directory.path("keys/\($0.value)")))
    }
    let sources = try AccessKeySource.sources(at: places, keeping: old, switches: switches) {
      name, location, predecessor in
      try source(
        location.path.split(separator: "/").last.map(String.init)!, name: name, succeeding: predecessor?.source,
        stays: predecessor?.stays ?? false)
    }
    for source in sources.values { source.takeOver() }
    return sources
  }

  /// The one that was kept counted as the new one's predecessor, and its file was no longer watched.
  @Test(arguments: [false, true])
  func `a second source for the same file leaves the first alone, and both pick up a new key`(_ isFirst: Bool) throws {
    try put("LTAIoldoldoldold")
    let old = try reload(["main": "key"])
    let new =
      try isFirst
      ? reload(["other": "key", "main": "key"], keeping: old) : reload(["main": "key", "other": "key"], keeping: old)
    #expect(new["main"] === old["main"] && new["other"]?.key?.id == "LTAIoldoldoldold")
    var changes: [String] = []
    for (name, source) in new { source.changed = { changes.append(name) } }
    try replace(by: "LTAInewnewnewnew")
    while !sts.asked.isEmpty { try sts.answer(.granted(Self.bot)) }
    #expect(new.values.allSatisfy { $0.key?.id == "LTAInewnewnewnew" && $0.state == .working })
    #expect(changes.sorted() == ["main", "other"])
  }

  @Test func `a source has one successor only, by name before location`() throws {
    try put("LTAIoldoldoldold")
    try put("LTAInewnewnewnew", "next")
    let old = try reload(["main": "key"])
    let moved = try reload(["other": "key", "main": "next"], keeping: old)
    #expect(moved["main"]?.key?.id == "LTAIoldoldoldold", "it signs until the one at the new place is proven")
    #expect(moved["main"]?.state == .proving && moved["other"]?.state == .unproven)
    try #require(old["main"]).accepted(try #require(old["main"]?.key))
    #expect(moved["main"]?.keys.current?.lastAccepted != nil && moved["other"]?.keys.current?.lastAccepted == nil)
  }

  @Test func `a renamed source keeps its key, and an additional one starts on its own`() throws {
    try put("LTAIoldoldoldold")
    let old = try reload(["main": "key"])
    let key = try #require(old["main"]?.key)
    old["main"]?.accepted(key)
    let new = try reload(["first": "key", "second": "key"], keeping: old)
    #expect(new["first"]?.state == .working && new["second"]?.state == .unproven)
    old["main"]?.refused(key, Self.unknown)
    #expect(new["first"]?.state == .refused && new["second"]?.state == .unproven)
  }

  @Test func `a source that never had a key starts with the one at the new place`() throws {
    let old = try source()
    try put("LTAInewnewnewnew", "next")
    let next = try source("next", succeeding: old)
    next.takeOver()
    #expect(next.key?.id == "LTAInewnewnewnew" && sts.asked.isEmpty)
  }

  /// As systemd 260 refreshes a credential: by another directory at its path, while or before it asks for a reload.
  @Test(arguments: [false, true])
  func `a credential that systemd refreshes is taken up by a reload, and without one`(_ isReloaded: Bool) throws {
    try put("LTAIoldoldoldold")
    let source = try AccessKeySource(
      name: "main", at: .credential(directory.path("keys/key")), mayLackKey: true, loop: loop, log: journal.log)
    source.identities = sts
    source.accepted(try #require(source.key))
    rename(directory.path("keys"), directory.path("keys.old"))
    mkdir(directory.path("keys"), 0o755)
    try put("LTAInewnewnewnew", mode: 0o440)
    if isReloaded { source.retry() } else { try settle() }
    try sts.answer(.granted(Self.bot))
    #expect(sts.asked.first?.key.id == "LTAInewnewnewnew" && source.key?.id == "LTAIoldoldoldold")
    while !sts.asked.isEmpty { try sts.answer(.granted(Self.bot)) }
    #expect(source.key?.id == "LTAInewnewnewnew" && source.state == .working)
  }

  @Test func `a file that others may read is not used`() throws {
    try put("LTAIopen", mode: 0o440)
    let source = try source()
    #expect(source.key == nil && source.state == .noKey && source.trouble?.contains("mode has to be 0400") == true)
  }

  @Test func `a key that is missing is picked up when it arrives`() throws {
    let source = try source()
    #expect(source.key == nil)
    try put("LTAIlate")
    try settle()
    #expect(source.key?.id == "LTAIlate" && sts.asked.isEmpty)
  }

  @Test func `a directory that is replaced is found again`() throws {
    let source = try source()
    rename(directory.path("keys"), directory.path("keys.old"))
    mkdir(directory.path("keys"), 0o755)
    try settle()
    try put("LTAInew")
    try settle()
    #expect(source.key?.id == "LTAInew")
  }

  struct Fault: Sendable, CustomTestStringConvertible {
    let name: String
    let errno: CInt
    let text: String
    var testDescription: String { name }
  }

  /// The daemon refused to start if other programs of the host had used up inotify.
  @Test(arguments: [
    Fault(name: "no instance", errno: EMFILE, text: "fs.inotify.max_user_instances"),
    Fault(name: "no watch", errno: ENOSPC, text: "fs.inotify.max_user_watches"),
    Fault(name: "the host's table is full", errno: ENFILE, text: "Too many open files in system"),
    Fault(name: "a directory that may not be read", errno: EACCES, text: "Permission denied"),
  ])
  func `if nothing can be watched, the key is used, and later changes are still noticed`(
    _ fault: Fault
  ) throws {
    try put("LTAIold")
    var calls = DirectoryWatch.Calls()
    calls.retry = 1
    var isFixed = false
    let real = calls.addSource
    calls.addSource = { (loop, directory, handler) throws(LoopError) in
      if !isFixed { throw LoopError(attempt: "watch", errno: fault.errno) }
      return try real(loop, directory, handler)
    }
    let source = try source(watching: calls)
    #expect(source.key?.id == "LTAIold")
    source.refused(try #require(source.key), Self.unknown)
    try put("LTAInew", "new")
    rename(directory.path("keys/new"), directory.path("keys/key"))
    try turn { source.key?.id == "LTAInew" }
    let phrase = "warning: AccessKey file can't be watched"
    #expect(journal.all.count { $0.hasPrefix(phrase) && $0.contains(fault.text) } == 1)
    // When there is room again it is watched, and polling ends.
    isFixed = true
    source.refused(try #require(source.key), Self.unknown)
    try settle()
    try put("LTAIlast", "new")
    rename(directory.path("keys/new"), directory.path("keys/key"))
    try settle()
    #expect(source.key?.id == "LTAIlast")
  }

  /// Turns the loop until `isDone`; it waits only for the loop's own timer.
  private func turn(until isDone: () -> Bool) throws {
    for _ in 0..<10_000 where !isDone() { _ = try loop.runOnce(timeout: .milliseconds(100)) }
    #expect(isDone())
  }

  @Test func `no error about a key file quotes its content`() throws {
    try directory.write("AccessKey ID,AccessKey Secret\nLTAIx\nmarked-secret", to: "keys/key", mode: 0o400)
    #expect {
      _ = try AccessKeySource.read(.file(directory.path("keys/key")))
    } throws: {
      !"\($0)".contains("marked-secret")
    }
  }

  /// Text in place of an id may be anything: nobody sees it before STS has accepted it.
  @Test func `text in place of the id is in no log line and no status`() throws {
    let marked = "MarkedSecretMarkedSecretMarke7"
    try directory.write("AccessKeyId=\(marked)\nAccessKeySecret=another-text-there\n", to: "keys/key", mode: 0o400)
    let source = try source()
    let key = try #require(source.key)
    #expect(key.id == marked, "old ids don't begin with LTAI")
    source.refused(key, Self.unknown)
    let reported =
      journal.all.joined() + String(decoding: status(source).rendered(), as: UTF8.self) + (source.trouble ?? "")
    #expect(!reported.contains("MarkedSecret") && !reported.contains("Marke7"), "\(reported)")
  }

  // MARK: - A role that a reload switches to another source

  /// The other source's first key signed at once; a wrong one cost the role its sessions.
  @Test(arguments: [true, false])
  func `a role switched to another source is signed for by the old one until the new key is proven`(
    _ isNew: Bool
  ) throws {
    try put("LTAIoldoldoldold")
    try put("LTAInewnewnewnew", "next")
    var old = try reload(isNew ? ["main": "key"] : ["main": "key", "other": "next"])
    old["main"]?.accepted(try #require(old["main"]?.key))
    let new = try reload(["main": "key", "other": "next"], keeping: old, switches: ["other": "main"])
    old = [:]
    let other = try #require(new["other"])
    #expect(other.key?.id == "LTAIoldoldoldold" && other.state == .proving)
    while other.state == .proving { try sts.answer(.granted(Self.bot)) }
    #expect(other.key?.id == "LTAInewnewnewnew" && other.state == .working)
    // The one before still follows its own file.
    try replace(by: "LTAIthirdthird12")
    #expect(new["main"]?.state == .proving && other.key?.id == "LTAInewnewnewnew")
  }

  @Test func `a key that STS hasn't accepted, or refuses, isn't used for another source`() throws {
    try put("LTAIoldoldoldold")
    try put("LTAInewnewnewnew", "next")
    let old = try reload(["main": "key"])
    func idOfOther() throws -> String? {
      try reload(["main": "key", "other": "next"], keeping: old, switches: ["other": "main"])["other"]?.key?.id
    }
    #expect(try idOfOther() == "LTAInewnewnewnew")
    let key = try #require(old["main"]?.key)
    old["main"]?.accepted(key)
    old["main"]?.refused(key, Self.unknown)
    #expect(try idOfOther() == "LTAInewnewnewnew")
  }

  @Test func `a source takes over from another only if all its roles switched`() {
    func role(_ name: String, _ source: String, arn: String? = nil) -> RoleSettings {
      var role = Bench.role(name, source: source)
      if let arn { role.arn = RoleARN("acs:ram::1:role/\(arn)")! }
      return role
    }
    func switches(_ new: RoleSettings...) -> [String: String] {
      let old = [role("a", "one"), role("b", "one"), role("c", "two")]
      return AccessKeySource.switches(to: new, from: Dictionary(uniqueKeysWithValues: old.map { ($0.name, $0) }))
    }
    #expect(switches(role("a", "one"), role("b", "one"), role("c", "two")).isEmpty)
    #expect(switches(role("a", "new"), role("b", "one"), role("c", "two")) == ["new": "one"])
    #expect(switches(role("a", "new"), role("b", "new")) == ["new": "one"])
    #expect(switches(role("a", "new"), role("c", "new")).isEmpty, "of two sources")
    #expect(switches(role("a", "new"), role("d", "new")).isEmpty, "with a new role")
    #expect(switches(role("a", "new", arn: "x")).isEmpty, "for another RAM role")
    #expect(switches(role("a", "two"), role("c", "two")).isEmpty, "one that is in use")
  }

  // MARK: - A systemd credential

  private func credential(_ text: String, mayLackKey: Bool = true) throws -> AccessKeySource {
    let path = try directory.write(text, to: "keys/credential", mode: 0o400)
    return try AccessKeySource(
      name: "main", at: .credential(path), mayLackKey: mayLackKey, loop: loop, log: journal.log)
  }

  /// The unit was restarted once a second, and nothing explained where the file belongs.
  @Test(arguments: [
    (
      "missing",
      "no regular file with the AccessKey when the service started: put it where the unit's LoadCredential= looks"
    ),
    ("", "it is systemd's copy of the file that the unit's LoadCredential= names"), ("LTAIhalf", "systemd's copy"),
  ])
  func `a start without a usable credential continues and reports what to do`(_ text: String, _ words: String) throws {
    let source = try credential(text)
    #expect(source.key == nil && source.state == .noKey)
    #expect(source.trouble?.contains(words) == true && source.trouble?.contains("/etc/rolekeeper/access-key") == true)
    #expect(
      journal.all.count == 1 && journal.all[0].hasPrefix("error: no AccessKey reason=")
        && journal.all[0].contains(words))
    // A reload that names such a credential is refused.
    #expect(throws: AccessKeyUnusable.self) { try credential(text, mayLackKey: false) }
  }

  @Test func `a process without any key ends after a while, so that systemd reads the credential again`() throws {
    var sources = [try credential("missing")]
    var ends = 0
    var hasSessions = true
    let retry = try CredentialRetry(scheduler: loop, sources: { sources }, hasSessions: { hasSessions }) { ends += 1 }
    #expect(retry.isArmed && ends == 0)
    // Those of the process before are served as long as they are valid.
    retry.look()
    #expect(retry.isArmed && retry.end == nil && ends == 0)
    hasSessions = false
    #expect(retry.end != nil)
    retry.look()
    #expect(ends == 1)
    // A key that came meanwhile.
    try put("LTAIoldoldoldold")
    sources.append(try source(name: "other"))
    retry.look()
    #expect(ends == 1)
  }

  @Test func `a process with a key, or with keys of files alone, doesn't end for one that is missing`() throws {
    let missing = try credential("missing")
    let none = try source("none")
    try put("LTAIoldoldoldold")
    let working = try source()
    for sources in [[none], [missing, working], []] {
      #expect(try !CredentialRetry(scheduler: loop, sources: { sources }, hasSessions: { false }) {}.isArmed)
    }
  }

  /// After a correction of the file nothing explained that only a restart makes systemd pass it on.
  @Test func `a hint that asks for another key names its place and how it is read`() {
    func advice(_ code: String, _ place: AccessKeySource.Location) -> String {
      let row = ErrorTable.row(forCode: code, httpStatus: 400)
      return Failure(row.kind, code: code, httpStatus: 400, advice: row.advice).naming(keyPlace: place.keyPlace).advice
    }
    for code in [
      "SignatureDoesNotMatch", "InvalidAccessKeyId.NotFound", "InvalidAccessKeyId.Inactive", "InvalidAccessKeyId.Other",
      "MissingSecurityToken",
    ] {
      let passed = advice(code, .credential("/run/credentials/rolekeeper.service/access-key"))
      #expect(passed.contains("LoadCredential=") && passed.contains("sudo systemctl restart rolekeeper"), "\(passed)")
      #expect(passed.contains("/etc/rolekeeper/access-key in the shipped unit"), "\(passed)")
      let other = advice(code, .credential("/run/credentials/rolekeeper.service/second"))
      #expect(!other.contains("/etc/") && other.contains("sudo systemctl restart rolekeeper"), "\(other)")
      let file = advice(code, .file("/srv/keys/main"))
      #expect(file.contains("'/srv/keys/main', which the daemon reads again by itself"), "\(file)")
      #expect(!file.contains("restart"), "\(file)")
    }
    #expect(!advice("EntityNotExist.Role", .file("/srv/keys/main")).contains("/srv/keys"))
  }
}
