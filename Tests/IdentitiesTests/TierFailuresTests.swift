import Core
import Fleet
import HTTPClient
import Settings
import TestSupport
import Testing
import Wire

@testable import Identities

/// What a machine of a tier, or the way to it, failed by.
@Suite struct TierFailuresTests {
  private static let failures = TierFailures(
    "https://tier1.example",
    UpstreamSettings(
      urls: ["https://tier1.example"], caFile: "/etc/ca.pem", certificate: "/nowhere/host.pem", key: "/nowhere/host.key"
    ), presented: nil, serverTime: UTCTime(seconds: 1_700_000_000))

  struct Case: CustomTestStringConvertible, Sendable {
    let status: Int
    var problem: Problem?
    let kind: Failure.Kind
    let code: String
    let advice: String
    var testDescription: String { "\(status) \(problem?.type ?? "")" }
  }

  /// Each 503 was reported as a tier without sessions, also by a daemon that was restarted or had no connection left.
  @Test(arguments: [
    Case(
      status: 503, problem: Problem(.noSession, detail: ""), kind: .transient, code: "TierNotReady",
      advice: "has no valid session of this host's roles; run"),
    Case(
      status: 503, problem: Problem(.noSession, detail: "role 'x': NoPermission"), kind: .transient,
      code: "TierNotReady",
      advice: "of this host's roles (role 'x': NoPermission); run"),
    Case(
      status: 503, problem: Problem(.stopping, detail: ""), kind: .transient, code: "TierStopping",
      advice: "stops or restarts"),
    Case(
      status: 503, problem: Problem(.settingsUnusable, detail: ""), kind: .transient, code: "TierSettings",
      advice: "can't use its settings"),
    Case(
      status: 503, problem: TierFailuresTests.ofServer, kind: .transient, code: "TierBusy",
      advice: "has all its connections in use"),
    Case(status: 503, kind: .transient, code: "TierStatus", advice: "HTTP 503; look at nginx"),
    Case(status: 502, kind: .transient, code: "TierStatus", advice: "HTTP 502; look at nginx"),
    Case(status: 400, kind: .permanent, code: "TierCertificate", advice: "revocation list is past its nextUpdate"),
    Case(status: 403, kind: .permanent, code: "TierForbidden", advice: "'allow.hosts' on the tier"),
  ])
  func `an answer without a bundle is named by its cause`(_ row: Case) {
    let failure = Self.failures.refused(row.status, row.problem, wait: .seconds(3))
    #expect(failure.kind == row.kind && failure.code == row.code && failure.httpStatus == row.status)
    #expect(failure.advice.contains(row.advice) && failure.advice.hasPrefix("the tier's machine tier1.example "))
    #expect(failure.notBefore == .seconds(3))
  }

  /// As the server answers by itself.
  private static var ofServer: Problem {
    var problem = Problem(.noSession, detail: "all connections are in use; try again in a moment")
    problem.type = "about:blank"
    return problem
  }

  @Test(arguments: [(TransportFailure.Kind.caFile, 77), (TransportFailure.Kind.tlsOther, 58)])
  func `a file of this host that can't be used is no failure of the tier`(_ kind: TransportFailure.Kind, _ code: Int) {
    let failure = Self.failures.unanswered(TransportFailure(kind, curlCode: code, text: "could not load"))
    #expect(failure.kind == .permanent && failure.code == "TierFiles" && failure.isOfOwnFiles)
    #expect(!failure.advice.contains("tier1"), "\(failure.advice)")
    #expect(
      failure.advice.contains(
        kind == .caFile ? "CA file '/etc/ca.pem': it can't be read" : "'/nowhere/host.pem' isn't there"))
  }

  /// It was explained by what the file had when the answer came.
  @Test(arguments: [400, 403])
  func `what a machine refuses is the certificate that was presented`(status: Int) throws {
    let directory = try TemporaryDirectory()
    let path = directory.path("host.pem")
    let (old, new) = (try HostCertificate.make("/CN=old.example"), try HostCertificate.make("/CN=new.example"))
    func advice(_ presented: String?, serverTime: Int64 = 1_700_000_000) -> String {
      let upstream = UpstreamSettings(urls: [], caFile: nil, certificate: path, key: "/nowhere/host.key")
      return TierFailures(
        "https://tier1.example", upstream,
        presented: presented.flatMap { ClientCertificate(text: Array($0.utf8).span) },
        serverTime: UTCTime(seconds: serverTime)
      ).refused(status).advice
    }
    try directory.write(old, to: "host.pem")
    let same = advice(old)
    #expect(same.contains("'\(path)' of 'old.example'") && !same.contains("by now"), "\(same)")
    #expect(advice(old, serverTime: 9_000_000_000).contains("of 'old.example', which ended at "))
    try directory.write(new, to: "host.pem")
    let replaced = advice(old)
    #expect(
      replaced.contains("of 'old.example' (as it was presented; the file has another one by now)"), "\(replaced)")
    #expect(!advice(nil).contains("example'"))
  }

  @Test func `a handshake that the tier ends, and a certificate that isn't its own, pass by themselves`() {
    let ended = Self.failures.unanswered(TransportFailure(.tlsOther, curlCode: 35, text: "alert"))
    #expect(ended.kind == .transient && ended.code == "TLS" && !ended.isOfOwnFiles)
    let untrusted = Self.failures.unanswered(TransportFailure(.tlsVerification, curlCode: 60, text: "expired"))
    #expect(untrusted.kind == .transient && untrusted.code == TransportFailureCode.untrusted)
    #expect(untrusted.advice.contains("tier.crt there") && untrusted.advice.contains("'ca_file'"))
  }
}
