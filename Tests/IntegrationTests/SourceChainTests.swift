import Core
import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

/// Roles whose sessions sign for other roles: leaf ← middle ← base ← main.
@Suite(.serialized) struct SourceChainTests {
  private static let roles = ["leaf", "middle", "base"]

  private func lab(lifetime: String? = nil) throws -> Lab {
    var realm = RealmDraft(lifetime: lifetime, roles: Self.roles)
    realm.rights = ["base": ["sts:AssumeRole"], "middle": ["sts:AssumeRole"]]
    return try Lab(realm) { draft in
      draft.sources = ["base", "middle"].map { "[source.\($0)-role]\ntype = \"role\"\nrole = \"\($0)\"\n" }.joined()
      let sources = ["leaf": "middle-role", "middle": "base-role", "base": "main"]
      draft.roles = Self.roles.map { name in
        var role = SettingsDraft.Role(name, more: "source = \"\(sources[name] ?? "main")\"")
        role.times = role.times.replacing("floor = \"0s\"", with: "floor = \"1min\"")
        return role
      }
    }
  }

  @Test func `at a cold start each role waits for its source, without a failure, and the chain is in the status`()
    throws
  {
    let lab = try lab()
    try lab.emulator.fault("kind=delay&milliseconds=1500&action=AssumeRole&count=1", role: "base")
    let daemon = try lab.start()
    for role in Self.roles {
      #expect(try lab.status(role).state == .valid, "\(role): \(daemon.log)")
      #expect(try lab.attempts(of: role, code: "SourceNotReady") == 0)
    }
    #expect(daemon.logLines("refresh failed").isEmpty, "\(daemon.log)")
    #expect(try lab.status("leaf").source?.chain == ["middle", "base", "main"])
    #expect(try lab.status("base").source?.chain == [])
    let detail = try lab.rolekeeper("status", "leaf").output
    #expect(detail.contains("leaf ← middle ← base ← main"), "\(detail)")
    let source = try #require(try lab.report().sources.first { $0.name == "base-role" })
    #expect(source.type == "role" && source.role == "base" && source.state == .working && source.expiresAt != nil)
    #expect(try source.accessKeyID == lab.credential("base").keyID)
    let table = try lab.rolekeeper("status").output
    #expect(table.contains("source 'base-role': the session of role 'base', valid until"), "\(table)")
  }

  @Test func `a source that fails is named, and what depends on it goes on at once when it works`() throws {
    let lab = try lab()
    let fault = try lab.emulator.fault("kind=error&code=NoPermission&status=403&action=AssumeRole", role: "base")
    let daemon = try lab.launch()
    try daemon.awaitLog("refresh failed", "role=leaf", "SourceNotReady", "waits for source 'middle-role'")
    try daemon.awaitLog("refresh failed", "role=middle", "role 'base' has no session (NoPermission")
    let source = try lab.status("middle").source
    #expect(source?.state == .noCredential && source?.error?.code == "NoPermission")
    try lab.emulator.clearFault(fault)
    _ = try lab.rolekeeper("refresh", "base")
    try eventually("all have a session:\n\(daemon.log)") {
      try Self.roles.allSatisfy { try lab.status($0).state == .valid }
    }
  }

  @Test func `a source's session that STS doesn't know any more is replaced before the role's request fails`() throws {
    let lab = try lab()
    let daemon = try lab.start()
    let dead = try lab.credential("base").keyID
    try lab.emulator.fault("kind=session-revoked&key=\(dead)")
    let before = try lab.status("middle").lastSuccessAt
    try eventually("another second has begun") { wallClock() > Double(before?.seconds ?? 0) + 1.1 }
    try lab.refresh(["middle"])
    try eventually("it was refreshed:\n\(daemon.log)") { try lab.status("middle").lastSuccessAt != before }
    #expect(try lab.credential("base").keyID != dead)
    #expect(daemon.logLines("refresh failed").isEmpty, "\(daemon.log)")
    #expect(try lab.attempts(of: "middle", code: "InvalidSecurityToken.Expired") == 0)
  }

  @Test func `after a restart the resumed session of a source signs`() throws {
    let lab = try lab()
    try lab.start()
    let base = try lab.credential("base").keyID
    lab.daemon.child.signal(SIGTERM)
    _ = lab.daemon.child.wait()
    let daemon = try lab.startNext(named: "next")
    #expect(try lab.credential("base").keyID == base)
    let calls = try lab.emulator.draws(of: "base")
    let before = try lab.emulator.draws(of: "middle", result: "OK")
    try lab.refresh(["middle"])
    try eventually("it was refreshed:\n\(daemon.log)") { try lab.emulator.draws(of: "middle", result: "OK") > before }
    #expect(try lab.emulator.draws(of: "base") == calls)
    #expect(daemon.logLines("refresh failed").isEmpty)
  }

  @Test func `rotations of a whole chain interrupt no reader`() throws {
    let lab = try lab(lifetime: "70s")
    let daemon = try lab.start()
    let reader = try Reader(of: Self.roles, at: lab)
    let start = try lab.awaitUse()
    for _ in 0..<3 {
      for role in Self.roles.reversed() { try lab.refresh([role]) }
      try watch(for: .seconds(1), since: ContinuousClock.now)
    }
    try watch(for: .seconds(4), since: start)
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: 3), "\(findings)\n\(daemon.log)")
    #expect(daemon.logLines("refresh failed").isEmpty)
  }
}
