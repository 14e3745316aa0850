import CloudAPI
import Core
import Glibc
import Logs
import Secrets
import Settings
import TestSupport
import Testing
import Wire

@testable import HTTPClient
@testable import Identities

/// A source whose credential a service hands out, on manual time.
@Suite struct FetchedSourceTests {
  private final class Service: CredentialFetcher {
    let service = "the service"
    private(set) var asked = 0
    private var pending: ((FetchOutcome) -> Void)?
    var isAsked: Bool { pending != nil }

    func fetch(_ completion: @escaping (FetchOutcome) -> Void) -> AnyObject {
      asked += 1
      pending = completion
      return self
    }

    func answer(_ outcome: FetchOutcome) {
      let completion = pending
      pending = nil
      completion?(outcome)
    }
  }

  private final class Nobody: IdentityService {
    func ask(_ signer: SigningIdentity, completion: @escaping (STSAnswer<CallerIdentity>) -> Void) -> AnyObject { self }
  }

  private let service = Service()
  private let scheduler = VirtualScheduler(wallSeconds: 1_800_000_000)
  private let journal = LogRecorder()
  private let nobody = Nobody()
  private let clock = Clock()
  private let source: FetchedSource

  /// How far the time that the source has is ahead of this test's, and whether it comes from STS.
  private final class Clock {
    var lead: Int64 = 0
    var isFromServer = true
  }

  init() throws {
    source = try Self.source(service, scheduler, journal, clock)
    source.takeOver(asking: nobody)
  }

  private static func source(
    _ service: Service, _ scheduler: VirtualScheduler, _ journal: LogRecorder, _ clock: Clock, secret: String = "s"
  ) throws -> FetchedSource {
    try FetchedSource(
      SourceSettings(
        name: "other", kind: .kms(KMSSettings(secret: secret, tokenFile: "/t", site: "http://127.0.0.1:1"))),
      by: service, scheduler: scheduler, log: journal.log,
      serverTime: { UTCTime(seconds: Self.time(scheduler).seconds + clock.lead) },
      isTimeFromServer: { clock.isFromServer })
  }

  private static func time(_ scheduler: VirtualScheduler) -> UTCTime {
    UTCTime(seconds: 1_800_000_000 + scheduler.time.microseconds / 1_000_000)
  }

  private func secret(_ text: String) -> Secret { Secret(copying: Array(text.utf8).span) }

  private func credential(_ number: Int, life: Int64?, token: String? = nil) -> FetchOutcome {
    .fetched(
      ServedCredential(
        key: AccessKey(id: "STS.\(number)", secret: secret("secret\(number)")),
        securityToken: secret(token ?? "token\(number)"),
        expiration: life.map { UTCTime(seconds: Self.time(scheduler).seconds + $0) }))
  }

  private var status: SourceStatus {
    source.status(clock: ServerClock(wallMicroseconds: 1_800_000_000_000_000, at: scheduler.time))
  }

  private func logged(_ phrase: String) -> Int { journal.all.count { $0.contains(phrase) } }

  private let down = FetchOutcome.failed(Failure(.transient, code: "Connect", advice: "look"))

  @Test func `it is awaited until the first answer, and asked again after half of what is left, at most an hour`() {
    #expect(source.isAwaited && service.asked == 1 && status.state == .fetching)
    service.answer(credential(1, life: 6 * 3600))
    #expect(!source.isAwaited && source.signer.identity?.key.id == "STS.1" && status.state == .unproven)
    scheduler.advance(by: .minutes(59))
    #expect(service.asked == 1)
    scheduler.advance(by: .minutes(2))
    #expect(service.asked == 2)
    service.answer(credential(2, life: 1200))
    scheduler.advance(by: .minutes(9))
    #expect(service.asked == 2)
    scheduler.advance(by: .minutes(2))
    #expect(service.asked == 3)
  }

  @Test func `while the service fails the last good one signs until its end, and then nobody does`() {
    service.answer(credential(1, life: 1200))
    scheduler.advance(by: .minutes(11))
    service.answer(down)
    #expect(source.signer.identity != nil && logged("can't be renewed") == 1)
    for _ in 0..<200 where source.signer.identity != nil {
      scheduler.advance(by: .seconds(10))
      if service.isAsked { service.answer(down) }
    }
    #expect(source.signer.identity == nil && status.state == .noCredential)
    #expect(logged("credential has lapsed") == 1)
    #expect(logged("can't be renewed") == 1, "a repeated failure is logged once")
    if case .none(let failure) = source.signer {
      #expect(failure.code == "SourceNotReady" && failure.advice.contains("Connect: look"))
    }
    scheduler.advance(by: .minutes(2))
    service.answer(credential(2, life: 1200))
    #expect(source.signer.identity?.key.id == "STS.2")
  }

  @Test func `a refused credential is fetched again before the refusal counts`() throws {
    service.answer(credential(1, life: 3600))
    scheduler.advance(by: .minutes(1))
    let signer = try #require(source.signer.identity)
    var isSettled = false
    let wait = source.refused(signer, Failure(.permanent, code: "InvalidAccessKeyId.NotFound", advice: "x")) {
      isSettled = true
    }
    #expect(wait != nil && service.asked == 2 && status.state == .refused)
    service.answer(credential(2, life: 3600))
    #expect(isSettled && source.signer.identity?.key.id == "STS.2" && status.state == .unproven)
    #expect(source.refused(signer, Failure(.permanent, code: "x", advice: "x")) {} == nil, "it doesn't sign any more")
  }

  @Test func `if the service has the same credential, it is asked every 30 s`() throws {
    service.answer(credential(1, life: 3600))
    scheduler.advance(by: .minutes(1))
    let signer = try #require(source.signer.identity)
    var count = 0
    let wait = source.refused(signer, Failure(.permanent, code: "SignatureDoesNotMatch", advice: "x")) { count += 1 }
    service.answer(credential(1, life: 3540))
    #expect(count == 1 && wait != nil && status.state == .refused)
    #expect(
      source.explained(Failure(.permanent, code: "SignatureDoesNotMatch", advice: "x"), of: signer).advice.contains(
        "'other'"))
    let asked = service.asked
    scheduler.advance(by: .seconds(31))
    #expect(service.asked == asked + 1)
    source.accepted(signer)
    #expect(status.state == .working)
  }

  /// The server was asked without a pause, for ever: each refusal led to a fetch, and each other credential to an attempt.
  @Test func `a service whose credentials are all refused is asked by back-off`() throws {
    let refusal = Failure(.identityLapsed, code: "InvalidSecurityToken.Expired", advice: "x")
    var number = 1
    service.answer(credential(number, life: 3600))
    for _ in 0..<600 {
      let signer = try #require(source.signer.identity)
      _ = source.refused(signer, refusal) {}
      source.renew()
      if service.isAsked {
        number += 1
        service.answer(credential(number, life: 3600))
      } else {
        scheduler.advance(by: .seconds(1))
      }
    }
    #expect((4...30).contains(number), "\(number) in 10 min")
    if service.isAsked { service.answer(credential(number + 1, life: 3600)) }
    source.accepted(try #require(source.signer.identity))
    let asked = service.asked
    _ = source.refused(try #require(source.signer.identity), refusal) {}
    #expect(service.asked == asked + 1, "one that STS had accepted is replaced at once")
  }

  /// A role that the service doesn't name for a moment was asked for after 5 to 10 min only.
  @Test func `while a credential signs, a permanent failure is tried again as one that passes`() {
    service.answer(credential(1, life: 7200))
    scheduler.advance(by: .minutes(61))
    for _ in 0..<10 {
      service.answer(.failed(Failure(.permanent, code: "NoInstanceRole", advice: "x")))
      let asked = service.asked
      scheduler.advance(by: .seconds(61))
      #expect(service.asked == asked + 1)
    }
  }

  /// With a clock ahead by more than a credential's life, nothing signed, so that no answer of STS could correct the clock.
  @Test func `a clock that isn't STS's doesn't judge an end`() throws {
    clock.isFromServer = false
    clock.lead = 86_400
    service.answer(credential(1, life: 3600))
    #expect(source.signer.identity?.key.id == "STS.1" && status.error == nil)
    scheduler.advance(by: .seconds(1))
    (clock.isFromServer, clock.lead) = (true, 0)
    source.clockCorrected()
    #expect(source.signer.identity?.key.id == "STS.1" && status.state == .unproven)
  }

  /// The credential lapsed, and the next one was fetched after half of the life by the clock before.
  @Test func `a clock that is corrected past a credential's end has another one fetched at once`() {
    service.answer(credential(1, life: 7200))
    scheduler.advance(by: .minutes(1))
    #expect(service.asked == 1)
    clock.lead = 7200
    source.clockCorrected()
    #expect(source.signer.identity == nil)
    scheduler.advance(by: .seconds(1))
    #expect(service.asked == 2)
  }

  @Test func `a clock that is corrected toward a credential's end brings its renewal forward`() {
    service.answer(credential(1, life: 7200))
    clock.lead = 7000
    source.clockCorrected()
    scheduler.advance(by: .seconds(99))
    #expect(service.asked == 1)
    scheduler.advance(by: .seconds(2))
    #expect(service.asked == 2)
  }

  @Test func `a source made for the same settings continues with the credential, and others don't`() throws {
    service.answer(credential(1, life: 7200))
    let other = Service()
    let new = try Self.source(other, scheduler, journal, clock)
    new.inherit(from: source)
    new.takeOver(asking: nobody)
    #expect(new.signer.identity?.key.id == "STS.1" && other.asked == 0 && !new.isAwaited)
    scheduler.advance(by: .minutes(61))
    #expect(other.asked == 1)
    let changed = try Self.source(Service(), scheduler, journal, clock, secret: "t")
    changed.inherit(from: source)
    #expect(changed.signer.identity == nil && changed.isAwaited)
  }

  @Test func `a new token or a new end of the same key counts`() throws {
    service.answer(credential(1, life: 1200))
    scheduler.advance(by: .seconds(601))
    service.answer(credential(1, life: 1200))
    scheduler.advance(by: .seconds(900))
    #expect(source.signer.identity != nil, "its end is the later one")
    service.answer(credential(1, life: 1200, token: "other"))
    let token = try #require(source.signer.identity?.securityToken)
    #expect(token.hasSameBytes(as: secret("other")))
  }

  @Test func `a credential that has expired already isn't used`() {
    service.answer(credential(1, life: 3))
    #expect(source.signer.identity == nil && status.error?.code == "CredentialExpired")
  }

  @Test func `a prohibited route to the metadata service is named`() {
    var failure = TransportFailure(.connect, text: "no connection")
    failure.systemError = EACCES
    let named = Failure(failure, of: "the metadata service", fix: "look", by: .metadata)
    #expect(named.code == "ProhibitedRoute" && named.advice.contains("prohibited route"))
    let socket = Failure(failure, of: "the server on '/run/c.sock'", fix: "look", by: .socket)
    #expect(
      socket.code == "Connect" && socket.advice.contains("write to the socket") && !socket.advice.contains("route"),
      "a socket has no route")
    let url = Failure(failure, of: "the server at 'h'", fix: "look")
    #expect(url.advice.contains("prohibit") && !url.advice.contains("socket"), "a URL has no socket")
    failure.systemError = EPERM
    #expect(Failure(failure, of: "the metadata service", fix: "look").advice.contains("IPAddressDeny="))
    failure.systemError = ECONNREFUSED
    #expect(
      Failure(failure, of: "the metadata service", fix: "look").advice == "the metadata service: no connection; look")
  }
}
