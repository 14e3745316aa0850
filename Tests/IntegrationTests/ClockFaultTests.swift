import Core
import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

/// What users of credentials notice of a daemon whose wall clock is wrong, or that was stopped.
@Suite(.serialized) struct ClockFaultTests {
  static let day: Int64 = 86_400
  /// In seconds.
  static let lifetime = 8
  static let roles = ["uploader", "reports"]

  /// A daemon of its own wall clock, and a reader whose clock is right.
  final class Host {
    let lab: Lab
    let clock: SteppedClock
    let reader: Reader

    init(aheadBySeconds seconds: Int64) throws {
      lab = try Lab(RealmDraft(lifetime: "\(ClockFaultTests.lifetime)s"))
      clock = try SteppedClock(in: lab.directory, aheadBySeconds: seconds)
      try lab.launch(environment: clock.environment).awaitReady()
      reader = try Reader(of: ClockFaultTests.roles, at: lab)
    }
  }

  /// Where each host's clock is at the start, and where it goes, in days from the right time: all hosts at once, for two lifetimes each.
  static let days: [[Int64]] = [[1, -1, 1, 0], [-1, 1, 0, -1], [0, 1, 0, -1]]

  @Test func `a wall clock a day off at the start, and stepped by days, spoils no credential`() throws {
    let hosts = try Self.days.map { try Host(aheadBySeconds: $0[0] * Self.day) }
    for host in hosts { _ = try host.lab.awaitUse() }
    let start = ContinuousClock.now
    for (host, lead) in zip(hosts, Self.days.map { $0[0] * Self.day }) {
      let startedAt = try #require(try host.lab.report().startedAt)
      #expect(abs(Double(startedAt.seconds - lead) - wallClock()) < 60, "the daemon doesn't see the clock it was given")
      for role in Self.roles {
        #expect(try host.lab.attempts(of: role, code: "InvalidTimeStamp.Expired") <= 1, "corrected by the first answer")
      }
    }
    for number in 1...3 {
      try watch(for: .seconds(Self.lifetime * number / 2), since: start)
      for (host, days) in zip(hosts, Self.days) {
        try host.clock.step(toAheadBySeconds: days[number] * Self.day)
        try host.lab.awaitRotations(of: Self.roles)
      }
    }
    try watch(for: .seconds(2 * Self.lifetime + 1), since: start)
    for host in hosts {
      let findings = try host.reader.finish()
      #expect(findings.areFlawless(for: Double(2 * Self.lifetime)), "\(findings)\n\(host.lab.daemon.log)")
      #expect(host.lab.daemon.logLines("refresh failed").allSatisfy { $0.contains("InvalidTimeStamp.Expired") })
    }
  }

  /// By the host's clock each session would have lapsed long ago, or be good for another day.
  @Test(arguments: [day, -day])
  func `with a wall clock a day off and STS down the next process serves the same, and knows how far it is off`(
    _ lead: Int64
  ) throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    let clock = try SteppedClock(in: lab.directory, aheadBySeconds: lead)
    try lab.launch(environment: clock.environment).awaitReady()
    try eventually("each role has a session, and no call is under way:\n\(lab.daemon.log)") {
      try Self.roles.allSatisfy { try lab.daemon.get("/v1/roles/\($0)/credentials").status == 200 }
        && lab.daemon.get("/metrics").body.contains("rolekeeper_sts_in_flight 0")
    }
    func seen() throws -> [String] {
      try Self.roles.map { role in
        let reply = try lab.daemon.get("/v1/roles/\(role)/credentials")
        return "\(try Credential(reply).keyID) \(reply.fields["rolekeeper-generation"] ?? "")"
      }
    }
    func offset() throws -> Double? {
      try ReportTests.Figures(lab.daemon.get("/metrics").body)["rolekeeper_clock_offset_seconds"]
    }
    let (before, offsetBefore) = (try seen(), try #require(try offset()))
    #expect(abs(offsetBefore + Double(lead)) < 5)
    _ = lab.emulator.child.stop()
    lab.daemon.child.signal(SIGKILL)
    lab.daemon.child.wait()
    let daemon = try lab.startNext(named: "second", environment: clock.environment)
    let startedAt = try #require(try lab.report().startedAt)
    #expect(abs(Double(startedAt.seconds - lead) - wallClock()) < 60, "the daemon doesn't see the clock it was given")
    #expect(try seen() == before, "\(daemon.log)")
    // Both clocks are read at different moments.
    #expect(try offset().map { abs($0 - offsetBefore) < 0.25 } == true, "\(offsetBefore)")
  }

  /// While it is stopped the kernel takes connections for it; they are answered when it goes on, by sessions that have lapsed meanwhile
  /// unless it looks. Then no session is valid, so a reader that doesn't wait gets 503 until STS has answered; the reader waits.
  @Test func `a daemon stopped for longer than a lifetime hands out nothing lapsed and is back at once`() throws {
    let lab = try Lab(RealmDraft(lifetime: "5s"))
    let daemon = try lab.start()
    let patient = try Reader(of: Self.roles, at: lab, wait: 30)
    let start = try lab.awaitUse()
    let last = try Self.roles.map { try lab.credential($0).expiration.seconds }.max()!
    daemon.child.signal(SIGSTOP)
    // More than a lifetime, since the last session may have been a new one.
    try eventually("all sessions end") { wallClock() > Double(last) + 1 }
    let hasty = try Self.roles.map { role in
      let connection = try StreamConnection(unix: lab.draft.socketPath)
      try connection.request("GET", "/v1/roles/\(role)/credentials")
      return connection
    }
    daemon.child.signal(SIGCONT)
    for connection in hasty {
      let reply = try connection.readReply()
      if reply.status == 200 {
        #expect(Double(try Credential(reply).expiration.seconds) > wallClock())
      } else {
        #expect(try reply.status == 503 && reply.problem.detail.contains("has no valid session; "))
        #expect(reply.fields["retry-after"] == "1")
      }
    }
    let recovery = try seconds {
      for role in Self.roles {
        try eventually("\(role) is back") { try daemon.get("/v1/roles/\(role)/credentials").status == 200 }
      }
    }
    #expect(recovery < 2, "one call of STS, which takes milliseconds")
    let goesOn = ContinuousClock.now
    try watch(for: .seconds(11), since: goesOn)
    try lab.awaitRotations(of: Self.roles)
    let findings = try patient.finish()
    #expect(findings.areFlawless(for: (goesOn - start) / .seconds(1) + 10), "\(findings)\n\(daemon.log)")
    #expect(daemon.logLines("refresh failed").isEmpty)
  }
}
