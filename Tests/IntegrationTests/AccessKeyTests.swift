import Core
import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

@Suite(.serialized) struct AccessKeyTests {
  @Test func `a key that is replaced by rename signs at once and is shown in the status`() throws {
    var realm = RealmDraft(lifetime: "4s")
    realm.keys.append(RealmDraft.otherKey)
    let lab = try Lab(realm)
    let daemon = try lab.start()
    #expect(try lab.report().sources.first?.accessKeyID == RealmDraft.key.id)
    try lab.write(key: RealmDraft.otherKey)
    try daemon.awaitLog("AccessKey changed", RealmDraft.otherKey.id)
    let source = try #require(try lab.report().sources.first)
    #expect(source.accessKeyID == RealmDraft.otherKey.id && source.inUseSince != nil)
    // The old one can be taken away now, and nobody notices.
    realm.keys.removeFirst()
    try lab.emulator.reload(realm: realm.text)
    let events = try daemon.events()
    for _ in 0..<4 { #expect(try lab.await(events) { $0.kind == .rotated }.code == nil) }
    #expect(daemon.logLines("refresh failed").isEmpty)
  }

  @Test func `half a file, a loose mode or none at all keep the old key, and each is told once`() throws {
    let lab = try Lab(RealmDraft(lifetime: "4s"))
    let daemon = try lab.start()
    let events = try daemon.events()
    try lab.write(keyFile: "AccessKey ID,AccessKey Sec")
    try daemon.awaitLog("AccessKey not read again")
    chmod(lab.draft.keyPath, 0o644)
    try daemon.awaitLog("AccessKey not read again", "chmod 0400")
    unlink(lab.draft.keyPath)
    try daemon.awaitLog("AccessKey not read again", "No such file")
    for _ in 0..<4 { #expect(try lab.await(events) { $0.kind == .rotated }.state == .valid) }
    #expect(daemon.logLines("AccessKey not read again").count == 3)
    #expect(try lab.report().sources.first?.accessKeyID == RealmDraft.key.id)
  }

  /// The wait after this failure is half a minute and more; a new key must not wait for that.
  @Test func `a disabled key is told with its code, and a new one cures it at once`() throws {
    var realm = RealmDraft(lifetime: "4s")
    realm.keys.append(RealmDraft.otherKey)
    let lab = try Lab(realm)
    let daemon = try lab.start()
    realm.keys[0].isActive = false
    try lab.emulator.reload(realm: realm.text)
    for role in ["uploader", "reports"] {
      try daemon.awaitLog("error: refresh failed", "role=\(role)", "code=InvalidAccessKeyId.Inactive")
    }
    #expect(try lab.credential("uploader").keyID.hasPrefix("STS."), "the last session serves on")
    let events = try daemon.events()
    try lab.write(key: RealmDraft.otherKey)
    var awaited: Set = ["uploader", "reports"]
    let waited = try seconds {
      while !awaited.isEmpty { awaited.remove(try lab.await(events) { $0.kind == .rotated }.role) }
    }
    #expect(waited < 5)
    try daemon.awaitLog("refresh works again", "role=uploader")
  }

  @Test func `a wrong secret is told as such, without what STS says to it`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.write(key: RealmDraft.Key(id: RealmDraft.key.id, secret: "WrongWrongWrongWrongWrongWrong"))
    let daemon = try lab.start()
    try daemon.awaitLog("error: refresh failed", "role=uploader", "code=SignatureDoesNotMatch")
    #expect(try daemon.get("/v1/roles/uploader/credentials").problem.code == "SignatureDoesNotMatch")
    #expect(!daemon.log.contains("server string to sign") && !daemon.log.contains("AssumeRole&"))
  }
}
