import Core
import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

/// What users of credentials notice of an STS that misbehaves for less long than the pool lasts: nothing.
@Suite(.serialized) struct STSFaultTests {
  struct Case: CustomStringConvertible {
    let role: String
    /// What the emulator does to the role's next requests.
    let fault: String
    /// How many requests it meets; nil until the fault is cleared.
    var times: Int? = 3
    /// What the daemon makes of it; nil where that may well be nothing.
    let code: String?

    var description: String { role }
  }

  /// In seconds. A step is a quarter of it, so that at a fault's first request the freshest session has 12 s left and more; three
  /// failures in a row are over within 7 s, a throttle within 10 s.
  static let lifetime = 20

  static let cases = [
    Case(role: "storm-500", fault: "kind=error&status=500", code: "InternalError"),
    Case(role: "storm-503", fault: "kind=error&status=503", code: "ServiceUnavailable"),
    Case(role: "storm-502", fault: "kind=html&status=502", code: "AnswerNotJSON"),
    Case(role: "slow", fault: "kind=delay&milliseconds=2700", code: nil),
    Case(role: "hang", fault: "kind=delay&milliseconds=600000", times: 2, code: "Timeout"),
    Case(role: "dribble", fault: "kind=dribble&milliseconds=2700", code: nil),
    Case(role: "dribble-on", fault: "kind=dribble&milliseconds=600000", times: 2, code: "Timeout"),
    Case(role: "drop", fault: "kind=drop", code: "AnswerCut"),
    // libcurl repeats by itself what came to nothing on a connection that it had kept.
    Case(role: "close", fault: "kind=refuse", code: nil),
    Case(role: "throttle", fault: "kind=throttle", times: 1, code: "Throttling.User"),
    Case(
      role: "throttle-api", fault: "kind=throttle&code=Throttling.Api&retry_after_ms=7000", times: 1,
      code: "Throttling.Api"),
    Case(role: "throttle-on", fault: "kind=throttle&retry_after_ms=300", times: 10, code: "Throttling.User"),
    Case(role: "page", fault: "kind=html", code: "AnswerNotJSON"),
    Case(role: "oversize", fault: "kind=oversize", code: "AnswerTooLarge"),
    Case(role: "empty", fault: "kind=empty", code: "AnswerIncomplete"),
    Case(role: "no-token", fault: "kind=empty&field=SecurityToken", code: "AnswerIncomplete"),
    Case(role: "no-secret", fault: "kind=missing&field=AccessKeySecret", code: "AnswerIncomplete"),
    Case(role: "past", fault: "kind=replace&field=Expiration&value=2020-01-01T00:00:00Z", code: "AnswerExpired"),
    Case(role: "inexact", fault: "kind=replace&field=Expiration&value=tomorrow", code: "AnswerBadExpiration"),
    Case(role: "bytes", fault: "kind=garbage&form=bytes", code: "AnswerNotJSON"),
    Case(role: "half", fault: "kind=garbage&form=half", code: "AnswerNotJSON"),
    Case(role: "nesting", fault: "kind=garbage&form=nesting", code: "AnswerNotJSON"),
    Case(role: "list", fault: "kind=garbage&form=list", code: "AnswerIncomplete"),
    Case(role: "nothing", fault: "kind=garbage&form=nothing", code: "AnswerNotJSON"),
    Case(role: "image", fault: "kind=garbage&form=type", code: nil),
    Case(role: "not-http", fault: "kind=garbage&form=http", code: "NotHTTP"),
    Case(role: "not-tls", fault: "kind=garbage&form=tls", code: nil),
    Case(role: "date-ahead", fault: "kind=date&offset_seconds=3600", code: nil),
    Case(role: "date-behind", fault: "kind=date&offset_seconds=-3600", code: nil),
    Case(role: "date-odd", fault: "kind=date&text=yesterday", code: nil),
    Case(role: "date-none", fault: "kind=date&absent=true", code: nil),
    Case(
      role: "nonce", fault: "kind=error&status=400&code=SignatureNonceUsed", times: 1, code: "SignatureNonceUsed"),
    Case(
      role: "skew", fault: "kind=error&status=400&code=InvalidTimeStamp.Expired", times: 1,
      code: "InvalidTimeStamp.Expired"),
    Case(role: "gone", fault: "kind=role-gone", times: nil, code: "EntityNotExist.Role"),
    Case(role: "permission", fault: "kind=error&status=403&code=NoPermission", times: nil, code: "NoPermission"),
  ]

  @Test func `through each fault, twice, every credential read is taken by STS, and rotation resumes`() throws {
    let names = Self.cases.map(\.role)
    let lab = try Lab(RealmDraft(lifetime: "\(Self.lifetime)s", roles: names)) { draft in
      // A throttle of one role halves the rate of all.
      draft.sts = "requests_per_second = 10000\nburst = 100\ntimeout = \"3s\""
      draft.roles = names.map { SettingsDraft.Role($0, files: SettingsDraft.Role.file("credentials.json")) }
    }
    let daemon = try lab.start()
    let reader = try Reader(of: names, files: lab.documents(of: names), at: lab)
    let start = try lab.awaitUse()
    for _ in 1...2 { try endure(lab) }
    try watch(for: .seconds(2 * Self.lifetime + 1), since: start)
    try lab.awaitRotations(of: names)

    let findings = try reader.finish()
    #expect(findings.areFlawless(for: Double(2 * Self.lifetime)), "\(findings)\n\(daemon.log)")
    for row in Self.cases {
      #expect(findings.rotations[row.role] ?? 0 >= 4, "\(row): \(findings)")
      if let code = row.code {
        let failures = try lab.attempts(of: row.role, code: code)
        // A fault that lasts until a person fixes it fails once and then waits for long.
        #expect(failures >= 2 * min(row.times ?? 1, 2), "\(row): failed \(failures) times with \(code)")
      }
    }
  }

  /// Puts all faults in force, and returns when all are over and each role has rotated since.
  private func endure(_ lab: Lab) throws {
    var mendable: [(row: Case, fault: Int)] = []
    for row in Self.cases {
      let fault = try lab.emulator.fault(row.fault + (row.times.map { "&count=\($0)" } ?? ""), role: row.role)
      if row.times == nil { mendable.append((row, fault)) }
    }
    for (row, fault) in mendable {
      try eventually("\(row): it fails with \(row.code!)") {
        try lab.status(row.role).lastError?.code == row.code
      }
      try lab.emulator.clearFault(fault)
      #expect(try lab.daemon.post("/v1/roles/\(row.role)/refresh").status == 202)
    }
    try eventually("all faults have been met", within: 60) { try lab.emulator.isFaultless() }
    try lab.awaitRotations(of: Self.cases.map(\.role))
  }
}
