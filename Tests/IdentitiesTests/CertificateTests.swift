import Core
import Glibc
import Settings
import TestSupport
import Testing
import Wire

@testable import Identities

/// The client certificates of sources: what `check` says of them, and what the daemon knows.
@Suite struct CertificateTests {
  private let directory: TemporaryDirectory
  private let scheduler = VirtualScheduler()

  init() throws {
    directory = try TemporaryDirectory()
    try PrivateCertificate.make("web1", names: "DNS:web1.prod.example", in: directory)
    try PrivateCertificate.make("old", days: -1, in: directory)
  }

  private var now: UTCTime { UTCTime(seconds: Int64(time(nil))) }

  private func tried(_ certificate: String, _ key: String) -> StartTrials.Finding? {
    StartTrials.triedIdentity(directory.path("\(certificate).crt"), directory.path("\(key).key"))
  }

  private func source(_ certificate: String) -> SourceSettings {
    SourceSettings(
      name: "tier",
      kind: .upstream(
        UpstreamSettings(
          urls: [], caFile: nil, certificate: directory.path(certificate), key: directory.path("web1.key"))))
  }

  /// `check` didn't read it: a host was set up with a key that was another certificate's, and nothing said so.
  @Test func `check refuses a key that isn't the certificate's, and warns of one that has ended`() throws {
    #expect(tried("web1", "web1") == nil)
    let other = try #require(tried("web1", "old"))
    #expect(other.severity == .error && other.problem.contains("isn't that of the certificate"), "\(other)")
    let ended = try #require(tried("old", "old"))
    #expect(ended.severity == .warning && ended.problem.contains(", which ended at "), "\(ended)")
    // The key decides: the daemon can't present such a certificate anyway.
    #expect(tried("old", "web1")?.severity == .error)
    #expect(tried("absent", "web1")?.severity == .warning)
    try directory.write("x", to: "text.crt")
    #expect(tried("text", "web1")?.severity == .error)
    let early = try #require(
      StartTrials.triedIdentity(
        directory.path("web1.crt"), directory.path("web1.key"), now: UTCTime(seconds: now.seconds - 86400)))
    #expect(early.severity == .warning && early.problem.contains("isn't valid before"))
  }

  @Test
  func `the end of a source's certificate is known without a look by the loop, and a renewed one's within a minute`()
    throws
  {
    let watch = try CertificateWatch(scheduler: scheduler)
    watch.watch([source("web1.crt")])
    #expect(watch.status(of: "tier", at: now) == nil, "its file is being read elsewhere")
    scheduler.settle()
    let first = try #require(watch.status(of: "tier", at: now))
    #expect(first.name == "web1.prod.example" && !first.isRenewalDue && watch.status(of: "other", at: now) == nil)
    #expect(first.text == "certificate of 'web1.prod.example' until \(first.validUntil)")
    let late = UTCTime(seconds: first.validUntil.seconds - 60)
    #expect(watch.status(of: "tier", at: late)?.isRenewalDue == true)
    try PrivateCertificate.make("web1", days: 7, names: "DNS:web1.prod.example", in: directory)
    scheduler.advance(by: .seconds(61))
    let second = try #require(watch.status(of: "tier", at: now))
    #expect(second.validUntil.seconds - first.validUntil.seconds > 4 * 86400)
  }

  @Test func `a disk that hangs costs one thread, and another file isn't waited for`() throws {
    let watch = try CertificateWatch(scheduler: scheduler)
    scheduler.callsHang = true
    watch.watch([source("web1.crt")])
    scheduler.advance(by: .minutes(10))
    watch.watch([source("old.crt")])
    scheduler.callsHang = false
    scheduler.settle()
    #expect(watch.status(of: "tier", at: now)?.name == "old")
    watch.watch([])
    #expect(watch.status(of: "tier", at: now) == nil && scheduler.nextDeadline == nil)
  }
}
