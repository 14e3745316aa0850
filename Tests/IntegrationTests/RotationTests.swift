import Core
import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

@Suite(.serialized) struct RotationTests {
  @Test func `the first credential is there when the daemon says that it is ready, and STS takes it`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let reader = try lab.start()
    for role in ["uploader", "reports"] {
      let reply = try reader.get("/v1/roles/\(role)/credentials")
      #expect(reply.status == 200 && reply.fields["content-type"] == "application/json")
      #expect(reply.fields["rolekeeper-generation"] == "1")
      let credential = try Credential(reply)
      #expect(credential.keyID.hasPrefix("STS.") && !credential.token.isEmpty)
      #expect(try lab.status(role).state == .valid)
    }
    #expect(try lab.emulator.draws(result: "OK") == 2)
  }

  @Test func `two roles rotate for two lifetimes and more, and no credential in use is refused`() throws {
    let lab = try Lab(RealmDraft(lifetime: "5s"))
    let daemon = try lab.start()
    let events = try daemon.events()
    let reader = try Reader(of: ["uploader", "reports"], at: lab)
    var rotations: [String: Int] = [:]
    let start = ContinuousClock.now
    while ContinuousClock.now - start < .seconds(11) || rotations.values.min() ?? 0 < 7 {
      let event = try lab.await(events) { $0.kind == .rotated }
      rotations[event.role, default: 0] += 1
      #expect(event.state == .valid)
    }
    let (status, summary) = reader.stop()
    #expect(status == 0, "\(summary)")
    #expect(summary.contains("\"faults\": 0"), "\(summary)")
    // A step is 1.25 s, and one never waits much longer than a tenth beyond it.
    for role in ["uploader", "reports"] {
      let arrivals = try lab.emulator.arrivals(of: role)
      let steps = zip(arrivals, arrivals.dropFirst()).map { Double($1 - $0) / 1e6 }
      #expect(steps.allSatisfy { $0 < 2 }, "\(steps)")
      #expect(steps.max()! - steps.min()! > 0.03, "steps are jittered: \(steps)")
    }
  }

  @Test func `no more calls are made than the rate allows`() throws {
    let names = (1...9).map { "role\($0)" }
    let lab = try Lab(RealmDraft(lifetime: nil, roles: names)) { draft in
      draft.roles = names.map { SettingsDraft.Role($0) }
      draft.sts = "requests_per_second = 5\nburst = 3"
    }
    try lab.start()
    let arrivals = try names.flatMap { try lab.emulator.arrivals(of: $0) }.sorted()
    #expect(arrivals.count == 9)
    // Three at once, and one every 0.2 s after that.
    #expect(Double(arrivals[8] - arrivals[0]) / 1e6 > 1.1, "\(arrivals)")
  }

  /// The daemon's timers stand still with it; what it answers first when it goes on must not be what has lapsed meanwhile.
  @Test func `a stopped daemon that goes on doesn't hand out what has lapsed`() throws {
    let lab = try Lab(RealmDraft(lifetime: "3s", roles: ["uploader"])) { $0.roles = [SettingsDraft.Role("uploader")] }
    let daemon = try lab.start()
    try lab.emulator.fault("kind=error&status=503")
    let last = try lab.credential("uploader")
    daemon.child.signal(SIGSTOP)
    let waiting = try (0..<8).map { _ in try StreamConnection(unix: lab.draft.socketPath) }
    for connection in waiting { try connection.request("GET", "/v1/roles/uploader/credentials") }
    try eventually("the session ends") { wallClock() > Double(last.expiration.seconds) }
    daemon.child.signal(SIGCONT)
    for connection in waiting { #expect(try connection.readReply().status == 503) }
  }
}
