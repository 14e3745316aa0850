import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// What users of credentials notice of a way to STS that leads nowhere, or to somebody else, for less long than the pool lasts: nothing.
@Suite(.serialized) struct WayFaultTests {
  struct Case: CustomStringConvertible {
    let description: String
    /// What the relay does.
    var way = Relay.Way.open
    /// What the emulator does to all that comes through the relay.
    var fault: String?
    let codes: [String]
  }

  /// In seconds. A step is a quarter of it, so that at a fault's first request the freshest session has 15 s left and more.
  static let lifetime = 24
  static let roles = ["uploader", "reports"]
  /// By which the emulator distinguishes the daemon from the reader.
  static let source = "127.0.0.2"

  static let cases = [
    Case(description: "a refused port", way: .refused, codes: ["Connect"]),
    Case(description: "a certificate that is expired", fault: "expired", codes: ["TLSVerification"]),
    Case(description: "a route that swallows everything", way: .swallowed, codes: ["ConnectTimeout"]),
    // First on the connections that there are, then on new ones.
    Case(description: "a route that is lost", way: .silent, codes: ["Timeout", "ConnectTimeout"]),
    Case(description: "a certificate of another name", fault: "name", codes: ["TLSVerification"]),
    Case(description: "a certificate of an unknown authority", fault: "authority", codes: ["TLSVerification"]),
  ]

  @Test func `through each fault of the way every credential read is taken by STS, and rotation resumes`() throws {
    let lab = try Lab(RealmDraft(lifetime: "\(Self.lifetime)s")) { draft in
      draft.sts += "\nconnect_timeout = \"1s\""
      draft.roles = Self.roles.map { SettingsDraft.Role($0, files: SettingsDraft.Role.file("credentials.json")) }
    }
    let relay = try Relay(to: lab.emulator.port, from: Self.source)
    lab.draft.endpoint = "127.0.0.1:\(relay.port)"
    try lab.writeSettings()
    let daemon = try lab.start()
    let reader = try Reader(of: Self.roles, files: lab.documents(of: Self.roles), at: lab)
    let start = try lab.awaitUse()
    for row in Self.cases {
      if let flaw = row.fault { try lab.emulator.fault("kind=certificate&form=\(flaw)&from=\(Self.source)") }
      // Ends the connections there are, too, or has them go silent.
      relay.set(row.way)
      try lab.refresh(Self.roles)
      try awaitFailure(row.codes, in: lab, "\(row)")
      let draws = try lab.emulator.draws()
      try awaitFailure(row.codes, in: lab, "\(row)")
      #expect(try lab.emulator.draws() == draws, "\(row): a signed request must not even be sent")
      try lab.emulator.clearFaults()
      relay.set(.open)
      try lab.awaitRotations(of: Self.roles)
    }
    try watch(for: .seconds(2 * Self.lifetime + 1), since: start)
    let findings = try reader.finish()
    #expect(findings.areFlawless(for: Double(2 * Self.lifetime)), "\(findings)\n\(daemon.log)")
    #expect(daemon.logLines("error: refresh failed", "code=TLSVerification").count == 3 * Self.roles.count)
  }

  /// The name server falls silent when a new client has to ask it: libcurl keeps the answer for a minute.
  @Test(.needs(.root)) func `through a dead name server every credential read is taken by STS`() throws {
    try PrivateMounts.run {
      let directory = try TemporaryDirectory()
      let address = NameServer.address(78)
      let resolver = try directory.write("nameserver \(address)\noptions timeout:1 attempts:1\n", to: "resolv.conf")
      try PrivateMounts.show(resolver, at: "/etc/resolv.conf")
      let names = try NameServer(at: address)
      let lab = try Lab(RealmDraft(lifetime: "\(Self.lifetime)s")) { $0.sts += "\nconnect_timeout = \"1s\"" }
      // One of the names in the emulator's certificate.
      lab.draft.endpoint = "sts.cn-hangzhou.aliyuncs.com:\(lab.emulator.port)"
      try lab.writeSettings()
      let daemon = try lab.start()
      let reader = try Reader(of: Self.roles, at: lab)
      let start = try lab.awaitUse()
      for timeout in ["2s", "4s"] {
        names.isAlive = false
        lab.draft.sts = "requests_per_second = 100\nburst = 100\ntimeout = \"\(timeout)\"\nconnect_timeout = \"1s\""
        try lab.writeSettings()
        #expect(try daemon.post("/v1/reload").status == 200)
        try lab.refresh(Self.roles)
        try self.awaitFailure(["NameResolution", "ConnectTimeout"], in: lab, "a dead name server")
        names.isAlive = true
        try lab.awaitRotations(of: Self.roles)
      }
      #expect(names.ignored >= 2)
      try watch(for: .seconds(2 * Self.lifetime + 1), since: start)
      let findings = try reader.finish()
      #expect(findings.areFlawless(for: Double(2 * Self.lifetime)), "\(findings)\n\(daemon.log)")
    }
  }

  /// Waits until each role has failed again with one of these codes.
  private func awaitFailure(_ codes: [String], in lab: Lab, _ what: String) throws {
    func failures(_ role: String) throws -> Int {
      try codes.reduce(0) { sum, code in try sum + lab.attempts(of: role, code: code) }
    }
    let before = try Self.roles.map(failures)
    for (role, before) in zip(Self.roles, before) {
      try eventually("\(what) makes '\(role)' fail with \(codes):\n\(lab.daemon.log)") {
        try failures(role) > before
      }
    }
  }
}
