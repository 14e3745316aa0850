import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// The way through an HTTP proxy, with what can be wrong with one.
@Suite(.serialized) struct ProxyTests {
  static let password = "Marked:Proxy@Password%41"

  /// A daemon that reaches STS through a proxy alone.
  final class Detour {
    let lab: Lab
    let proxy: BreakableRelay

    init(lifetime: String? = "4s", user: String? = nil) throws {
      lab = try Lab(RealmDraft(lifetime: lifetime, roles: ["uploader"])) { draft in
        draft.roles = [SettingsDraft.Role("uploader")]
        draft.level = "debug"
      }
      proxy = try BreakableRelay(in: lab.directory, named: "proxy")
      lab.draft.sts += "\nconnect_timeout = \"1s\"\nproxy = \"http://\(user.map { "\($0)@" } ?? "")\(proxy.endpoint)\""
      if user != nil {
        lab.draft.sts += "\nproxy_password_file = \"\(lab.directory.path("proxy-password"))\""
        try write(password: ProxyTests.password)
      }
      try lab.writeSettings()
    }

    func write(password: String, mode: UInt32 = 0o400) throws {
      try lab.directory.write("\(password)\n", to: "proxy-password.new", mode: mode)
      rename(lab.directory.path("proxy-password.new"), lab.directory.path("proxy-password"))
    }

    func rotate(_ count: Int) throws {
      let events = try lab.daemon.events()
      for _ in 0..<count { try lab.await(events) { $0.kind == .rotated } }
    }
  }

  @Test func `STS is called through the proxy, which sees tunnels alone`() throws {
    let detour = try Detour()
    // The environment's is not obeyed, with a proxy of our own either: port 1 refuses.
    try detour.lab.launch(environment: ["https_proxy": "http://127.0.0.1:1", "no_proxy": "*"]).awaitReady()
    let reader = try Reader(of: ["uploader"], at: detour.lab)
    let start = try detour.lab.awaitUse()
    try detour.rotate(6)
    try watch(for: .seconds(9), since: start)
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: 8), "\(findings)")
    #expect(try detour.proxy.connections() >= 1)
    let heads = try detour.proxy.heads()
    #expect(heads.hasPrefix("CONNECT \(detour.lab.emulator.endpoint) HTTP/1.1"))
    for word in ["uthorization", "x-acs", "AssumeRole", "LTAI", "rolekeeper"] {
      #expect(!heads.contains(word), "\(word)")
    }
  }

  struct Case: CustomStringConvertible {
    let mode: BreakableRelay.Mode
    let code: String
    var level = "warning"
    var description: String { "\(mode)" }
  }

  static let cases = [
    Case(mode: .refuse, code: "ProxyUnreachable"),
    Case(mode: .silent, code: "ProxyBroken"),
    Case(mode: .cut, code: "ProxyBroken"),
    Case(mode: .garbage, code: "ProxyBroken"),
    Case(mode: .answer(502), code: "ProxyRefused"),
    Case(mode: .answer(403), code: "ProxyRefused"),
    Case(mode: .answer(407), code: "ProxyAuthentication", level: "error"),
    Case(mode: .cutAnswer, code: "NoAnswer"),
    Case(mode: .holdAnswer, code: "Timeout"),
  ]

  /// In seconds. A step is a quarter of it, so that a session has twice as long left as the longest fault takes.
  static let lifetime = 12

  /// One after the other, each for less long than the sessions there are; the reader goes on through all of them.
  @Test func `a proxy's fault is reported as what it is, readers keep what they have, and it recovers`() throws {
    let detour = try Detour(lifetime: "\(Self.lifetime)s")
    let lab = detour.lab
    let daemon = try lab.start()
    let reader = try Reader(of: ["uploader"], at: lab)
    let start = try lab.awaitUse()
    for (number, row) in Self.cases.enumerated() {
      let before = try lab.attempts(of: "uploader", code: row.code)
      try detour.proxy.become(row.mode)
      try lab.refresh(["uploader"])
      try eventually("\(row) is a \(row.code):\n\(daemon.log)") {
        try lab.attempts(of: "uploader", code: row.code) > before
      }
      #expect(try lab.status("uploader").lastError?.code == row.code, "\(row)")
      try detour.proxy.become(.open)
      try lab.refresh(["uploader"])
      try lab.awaitRotations(of: ["uploader"])
      let logged = daemon.logLines("\(row.level): refresh failed", "code=\(row.code)").count
      #expect(logged == Self.cases[...number].count { $0.code == row.code }, "\(row), logged once: \(daemon.log)")
      #expect(daemon.logLines("refresh works again").count == number + 1, "\(row): \(daemon.log)")
    }
    try watch(for: .seconds(2 * Self.lifetime + 1), since: start)
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: Double(2 * Self.lifetime)), "\(findings)\n\(daemon.log)")
  }

  @Test
  func `a proxy that is down is tried once for all endpoints, one that can't reach the first is asked for the next`()
    throws
  {
    let detour = try Detour(lifetime: nil)
    detour.lab.draft.endpoint = "127.0.0.1:1"
    detour.lab.draft.sts += "\nfallback_endpoints = [\"\(detour.lab.emulator.endpoint)\"]"
    try detour.lab.writeSettings()
    let daemon = try detour.lab.start()
    #expect(try detour.lab.report().endpoints.map(\.latestFailure) == ["ProxyRefused", nil])
    try detour.proxy.become(.refuse)
    #expect(try daemon.post("/v1/roles/uploader/refresh").status == 202)
    try daemon.awaitLog("refresh failed", "code=ProxyUnreachable")
    let second = try detour.lab.report().endpoints[1]
    #expect(second.failures == 0, "\(second)")
  }

  @Test func `the proxy's password comes from its file, and a right one is taken up with a reload`() throws {
    let detour = try Detour(user: "keeper")
    try detour.proxy.become(.password(user: "keeper", password: Self.password))
    let daemon = try detour.lab.start()
    #expect(try detour.lab.status("uploader").lastError == nil)

    try detour.write(password: "Marked-wrong-password")
    #expect(try daemon.post("/v1/reload").status == 200)
    try daemon.awaitLog("error: refresh failed", "code=ProxyAuthentication")
    try detour.write(password: Self.password)
    #expect(try daemon.post("/v1/reload").status == 200)
    try daemon.awaitLog("refresh works again")

    // One that others may read is no secret: the old one stays in use.
    try detour.write(password: "Marked-wrong-password", mode: 0o444)
    let refused = try daemon.post("/v1/reload")
    #expect(refused.status != 200 && refused.body.contains("others than its owner may read the proxy's password"))
    try detour.rotate(2)
    try detour.write(password: "")
    #expect(try daemon.post("/v1/reload").body.contains("empty; write the password into it"))
    let check = try detour.lab.rolekeeper("check", "--config", detour.lab.configPath)
    #expect(check.status != 0 && check.output.contains("empty; write the password into it"))
    try detour.rotate(1)
    for word in ["Marked-wrong", "Marked:Proxy", "TWFya2Vk", "a2VlcGVyOk"] {
      #expect(!daemon.log.contains(word) && !(check.output + check.errors).contains(word), "\(word)")
    }
  }
}
