import Core
import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

@Suite(.serialized) struct AccessKeyTests {
  static let roles = ["uploader", "reports"]

  @Test func `a key that is replaced by rename is proven, signs and is shown in the status, and no reader notices`()
    throws
  {
    var realm = RealmDraft(lifetime: "5s")
    realm.keys.append(RealmDraft.otherKey)
    let lab = try Lab(realm)
    let daemon = try lab.start()
    let reader = try Reader(of: Self.roles, at: lab)
    let start = try lab.awaitUse()
    #expect(try lab.report().sources.first?.accessKeyID == RealmDraft.key.id)
    try lab.write(key: RealmDraft.otherKey)
    try daemon.awaitLog("AccessKey changed", RealmDraft.otherKey.id)
    let source = try #require(try lab.report().sources.first)
    #expect(source.accessKeyID == RealmDraft.otherKey.id && source.inUseSince != nil)
    #expect(source.provenAt != nil && source.newKey == nil)
    try eventually("AssumeRole accepts it") { try lab.report().sources.first?.lastAcceptedAt != nil }
    // The old one can be taken away now.
    realm.keys.removeFirst()
    try lab.emulator.reload(realm: realm.text)
    try watch(for: .seconds(11), since: start)
    try lab.awaitRotations(of: Self.roles)
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: 10), "\(findings)\n\(daemon.log)")
    #expect(daemon.logLines("refresh failed").isEmpty)
  }

  @Test
  func `half a file, a loose mode or none at all keep the old key until the file is fixed, and each is reported once`()
    throws
  {
    var realm = RealmDraft(lifetime: "8s")
    realm.keys.append(RealmDraft.otherKey)
    let lab = try Lab(realm)
    let daemon = try lab.start()
    let reader = try Reader(of: Self.roles, at: lab)
    let start = try lab.awaitUse()
    try lab.write(keyFile: "AccessKey ID,AccessKey Sec")
    try daemon.awaitLog("AccessKey file can't be used")
    chmod(lab.draft.keyPath, 0o644)
    try daemon.awaitLog("AccessKey file can't be used", "mode has to be 0400")
    unlink(lab.draft.keyPath)
    try daemon.awaitLog("AccessKey file can't be used", "No such file")
    try lab.awaitRotations(of: Self.roles)
    #expect(daemon.logLines("AccessKey file can't be used").count == 3)
    #expect(try lab.report().sources.first?.accessKeyID == RealmDraft.key.id)
    // Written in place and in pieces, as a careless administrator does.
    let whole = "AccessKey ID,AccessKey Secret\n\(RealmDraft.otherKey.id),\(RealmDraft.otherKey.secret)\n"
    try lab.directory.write(String(whole.prefix(51)), to: "access-key", mode: 0o600)
    try daemon.awaitLog("AccessKey file can't be used", "no AccessKey secret")
    // Half a secret is one, too, but STS doesn't accept it.
    try lab.directory.write(String(whole.dropLast(10)), to: "access-key", mode: 0o600)
    try daemon.awaitLog("error: new AccessKey refused", "code=SignatureDoesNotMatch")
    try lab.refresh(Self.roles)
    try awaitRotation(in: lab) {}
    #expect(try lab.report().sources.first?.accessKeyID == RealmDraft.key.id)
    try lab.directory.write(whole, to: "access-key", mode: 0o600)
    try daemon.awaitLog("AccessKey changed", RealmDraft.otherKey.id)
    #expect(daemon.logLines("refresh failed").isEmpty)
    try watch(for: .seconds(17), since: start)
    try lab.awaitRotations(of: Self.roles)
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: 16), "\(findings)\n\(daemon.log)")
  }

  /// The wait after this failure is half a minute and more; neither a new key nor a reload must wait for that.
  @Test
  func `a disabled key is reported with its code, fixed at once by another or by a reload, and no reader notices`()
    throws
  {
    var realm = RealmDraft(lifetime: "10s")
    realm.keys.append(RealmDraft.otherKey)
    let lab = try Lab(realm)
    let daemon = try lab.start()
    let reader = try Reader(of: Self.roles, at: lab)
    let start = try lab.awaitUse()
    try disable(RealmDraft.key, in: lab)
    // The key in use is refused, so this one needn't be proven before it signs.
    try awaitRotation(in: lab) { try lab.write(key: RealmDraft.otherKey) }
    try daemon.awaitLog("AccessKey changed before STS has accepted the new one")
    try daemon.awaitLog("refresh works again", "role=uploader")
    try lab.awaitRotations(of: Self.roles)
    try disable(RealmDraft.otherKey, in: lab)
    // Somebody enables it again in the console.
    try lab.emulator.clearFaults()
    try awaitRotation(in: lab) { _ = try daemon.post("/v1/reload") }
    try watch(for: .seconds(21), since: start)
    try lab.awaitRotations(of: Self.roles)
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: 20), "\(findings)\n\(daemon.log)")
  }

  /// Disables a key and waits until all roles have noticed.
  private func disable(_ key: RealmDraft.Key, in lab: Lab) throws {
    let code = "InvalidAccessKeyId.Inactive"
    func lines(_ role: String) -> Int {
      lab.daemon.logLines("error: refresh failed", "role=\(role)", "code=\(code)").count
    }
    let before = Self.roles.map(lines)
    try lab.emulator.fault("kind=key-disabled&key=\(key.id)")
    try lab.refresh(Self.roles)
    for (role, before) in zip(Self.roles, before) {
      try eventually("\(role) fails, and that is logged") { lines(role) == before + 1 }
    }
  }

  /// Waits until all roles have rotated, and holds that this came at once after `cure`.
  private func awaitRotation(in lab: Lab, after cure: () throws -> Void) throws {
    let events = try lab.daemon.events()
    try cure()
    var awaited = Set(Self.roles)
    let waited = try seconds {
      while !awaited.isEmpty { awaited.remove(try lab.await(events) { $0.kind == .rotated }.role) }
    }
    #expect(waited < 5)
  }

  @Test func `a wrong secret is reported as such, without STS's message`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.write(key: RealmDraft.Key(id: RealmDraft.key.id, secret: "WrongWrongWrongWrongWrongWrong"))
    let daemon = try lab.start()
    try daemon.awaitLog("error: refresh failed", "role=uploader", "code=SignatureDoesNotMatch")
    #expect(try daemon.get("/v1/roles/uploader/credentials").problem.code == "SignatureDoesNotMatch")
    #expect(!daemon.log.contains("server string to sign") && !daemon.log.contains("AssumeRole&"))
  }
}
