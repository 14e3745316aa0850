package import CloudAPI
package import Core
package import HTTPClient
import ObjectStorage
import Secrets
import Signing
package import Systemd

/// Calls VOD and OSS over HTTPS: signs calls to VOD with the role's session, and requests to OSS with the credential
/// that VOD issued for the object.
///
/// Calls to VOD are limited in rate, since an account has some dozens per second; they are made in the order in which
/// they were requested.
package final class CloudClient: UploadCloud {
  package struct Settings {
    /// The host, with its port unless that is 443.
    package var vodEndpoint: String
    package var callsPerSecond = 20.0
    /// `vod-upload/VERSION`.
    package var userAgent: String
    /// The region of the bucket, if neither UploadAuth nor the endpoint's name has it.
    package var region: String?
    package var usesSignatureV1 = false

    package init(vodEndpoint: String, userAgent: String) {
      self.vodEndpoint = vodEndpoint
      self.userAgent = userAgent
    }
  }

  /// How long OSS may send nothing. A Complete of many parts takes OSS long.
  private static let stall = Duration.seconds(60)
  private static let completionStall = Duration.seconds(300)
  /// The number of objects whose signer is kept, with the key derived from its credential.
  private static let keptSigners = 16

  private let http: HTTPClient
  private let scheduler: any Scheduler
  private let credential: RoleCredential
  private let settings: Settings
  /// Called when no session can be obtained; no call is made after that.
  private let credentialFailed: (RoleCredential.Failure) -> Void
  private var vodTime: ServerTime
  private var ossTime: ServerTime

  private var pace: TokenBucket
  private var queue: [WeakCall] = []
  private var isAskingForCredential = false
  private var alarm: (any Alarm)!
  private var pump: (any Deferral)!
  private var place: HTTPClient.Place?
  private var signers: [OSSSigner] = []
  private var nonces = SystemRandomNumberGenerator()

  package init(
    _ settings: Settings, http: HTTPClient, scheduler: any Scheduler, credential: RoleCredential,
    credentialFailed: @escaping (RoleCredential.Failure) -> Void
  ) throws(LoopError) {
    self.settings = settings
    self.http = http
    self.scheduler = scheduler
    self.credential = credential
    self.credentialFailed = credentialFailed
    let now = scheduler.time
    vodTime = ServerTime(wallMicroseconds: scheduler.wallMicroseconds, at: now)
    ossTime = vodTime
    pace = TokenBucket(
      rate: settings.callsPerSecond, burst: max(1, Int(settings.callsPerSecond / 10)), at: now)
    alarm = try scheduler.timer(accuracy: 1000) { [unowned self] in makeWaitingCalls() }
    pump = scheduler.deferred { [unowned self] in makeWaitingCalls() }
    http.hasMoreWaiting = true
  }

  /// VOD's time, which decides whether sessions have expired: this host's until VOD answers, nil if it was forgotten.
  package var serverTime: UTCTime? { vodTime.isInDoubt ? nil : vodTime.now(at: scheduler.time) }

  /// Until VOD answers again, calls have this host's date, and no session is judged by it.
  package func forgetServerTime() {
    vodTime.forget(wallMicroseconds: scheduler.wallMicroseconds, at: scheduler.time)
  }

  // MARK: - VOD

  package func make(
    _ call: FileUpload.Call, for details: VideoDetails, completion: @escaping (Result<CallAnswer, CallFailure>) -> Void
  ) -> AnyObject {
    let waiting = VODCall(call, details, completion)
    queue.append(WeakCall(call: waiting))
    pump.schedule()
    return waiting
  }

  /// `isServed` is whether it is this client's turn, so that there is a handle for one call, although others are
  /// waiting.
  private func makeWaitingCalls(isServed: Bool = false) {
    var hasHandle = isServed
    while let call = queue.first {
      guard let call = call.call else {
        queue.removeFirst()
        continue
      }
      let now = scheduler.time
      let next = pace.nextToken(at: now)
      guard next <= now else { return alarm.arm(at: next.microseconds) }
      guard hasHandle || http.freeHandles > 0 else { return awaitHandle() }
      place = nil
      guard let identity = credential.current else { return askForCredential() }
      _ = pace.take(at: now)
      queue.removeFirst()
      hasHandle = false
      send(call, signedBy: identity, at: now)
    }
  }

  private func awaitHandle() {
    guard place == nil else { return }
    place = http.awaitHandle { [unowned self] in
      place = nil
      makeWaitingCalls(isServed: true)
    }
  }

  private func askForCredential() {
    guard !isAskingForCredential else { return }
    isAskingForCredential = true
    credential.request { [weak self] result in
      guard let self else { return }
      isAskingForCredential = false
      switch result {
      case .success: pump.schedule()
      case .failure(let failure): credentialFailed(failure)
      }
    }
  }

  private func send(_ call: VODCall, signedBy identity: SigningIdentity, at now: Timestamp) {
    let context = RequestContext(
      host: settings.vodEndpoint, userAgent: settings.userAgent, date: vodTime.now(at: now),
      nonce: Nonce.make(using: &nonces))
    let request = call.signed(by: identity, in: context)
    let http = http
    do throws(TransportFailure) {
      let transfer = try http.send(HTTPRequest(request)) { [unowned self, weak call] outcome, body in
        guard let call else { return }
        call.cancel = nil
        take(outcome, body, of: call, signedBy: identity)
      }
      call.cancel = { http.cancel(transfer) }
    } catch {
      report(.failure(CallFailure(error)), of: call, to: call.completion)
    }
  }

  private func take(
    _ outcome: HTTPOutcome, _ body: Span<UInt8>, of call: VODCall, signedBy identity: SigningIdentity
  ) {
    let now = scheduler.time
    switch outcome {
    case .failure(let failure): call.completion(.failure(CallFailure(failure)))
    case .success(let answer):
      vodTime.observe(answer.date, at: now)
      let response = VODResponse(answer, now: vodTime.now(at: now))
      switch call.read(response, body, serverTime: vodTime.now(at: now), now: now) {
      case .success(let answer): call.completion(.success(answer))
      case .failure(let failure):
        if case .throttled = failure.kind { pace.throttled(at: now) }
        if failure.kind == .credentialLapsed { credential.discard(keyID: identity.key.id) }
        var failed = CallFailure(failure, action: call.action)
        failed.wasSentTwice = answer.wasSentTwice
        call.completion(.failure(failed))
      }
    }
  }

  // MARK: - OSS

  package func send(
    _ request: FileUpload.Request, of file: SourceFile, with grant: FileUpload.Grant, keepingObject: Bool,
    completion: @escaping (Result<FileUpload.Answer, CallFailure>) -> Void
  ) -> any SentRequest {
    let sent = ObjectRequest(request, of: file, keepsObject: keepingObject)
    guard let version = signature(for: grant) else {
      report(
        .failure(
          CallFailure(
            .refused, code: "NoRegion",
            detail: "neither UploadAuth nor '\(grant.content.address.endpoint)' names the bucket's region",
            remedy: "name it with '--region'"
          )), of: sent, to: completion)
      return sent
    }
    let sendIt = { [unowned self, weak sent] in
      guard let sent else { return }
      begin(sent, with: grant, version, completion)
    }
    if http.freeHandles > 0 { sendIt() } else { sent.place = http.awaitHandle(sendIt) }
    return sent
  }

  private func signature(for grant: FileUpload.Grant) -> OSSSignature.Version? {
    if settings.usesSignatureV1 { return .v1 }
    return Self.region(of: grant.content, orElse: settings.region).map { .v4(region: $0) }
  }

  /// The bucket's region: that in UploadAuth, else that in the endpoint's name, else `given`, which is the user's; nil
  /// if nothing names one.
  static func region(of grant: UploadGrant, orElse given: String?) -> String? {
    grant.credential.region ?? grant.address.region ?? given
  }

  /// Adds the option that may be the reason why OSS refused a request.
  private func explained(_ failure: CallFailure, _ grant: FileUpload.Grant) -> CallFailure {
    guard [.denied, .refused].contains(failure.kind) else { return failure }
    if settings.usesSignatureV1 {
      return failure.with(
        remedy: "leave out '--signature v1': newer accounts and buckets take V4 alone; then run again")
    }
    // If neither UploadAuth nor the endpoint has the region, the user has set it.
    guard Self.region(of: grant.content, orElse: nil) == nil, let region = settings.region else { return failure }
    let rest = failure.remedy.map { "; if it is right, \($0)" } ?? ""
    return failure.with(remedy: "check '--region \(region)', which has to be the bucket's\(rest)")
  }

  private func signer(_ version: OSSSignature.Version, _ credential: UploadCredential) -> OSSSigner {
    if let known = signers.last(where: { $0.keyID == credential.accessKeyID && $0.version == version }) { return known }
    if signers.count == Self.keptSigners { signers.removeFirst() }
    let signer = OSSSigner(version, credential)
    signers.append(signer)
    return signer
  }

  private func begin(
    _ sent: ObjectRequest, with grant: FileUpload.Grant, _ version: OSSSignature.Version,
    _ completion: @escaping (Result<FileUpload.Answer, CallFailure>) -> Void
  ) {
    sent.place = nil
    // Before a request that completes an object, the file is checked for changes.
    do throws(CallFailure) { if sent.needsFile { try sent.file.checkUnchanged() } } catch {
      return report(.failure(error), of: sent, to: completion)
    }
    let signed = OSSRequest(
      sent.operation, at: grant.content.address, signedBy: signer(version, grant.content.credential),
      date: ossTime.now(at: scheduler.time), userAgent: settings.userAgent)
    var request = HTTPRequest(signed, body: sent.body)
    // libcurl may repeat a request only if the repetition shows in how its body is read.
    request.needsFreshConnection = sent.isCompletion || sent.isEmptyObject
    request.stallTimeout = sent.isCompletion ? Self.completionStall : Self.stall
    let http = http
    do throws(TransportFailure) {
      let transfer = try http.send(request) { [unowned self, weak sent] outcome, body in
        guard let sent else { return }
        sent.cancel = nil
        if case .success(let answer) = outcome { ossTime.observe(answer.date, at: scheduler.time) }
        completion(sent.answer(outcome, body).mapError { explained($0, grant) })
      }
      sent.cancel = { http.cancel(transfer) }
    } catch {
      report(.failure(CallFailure(error)), of: sent, to: completion)
    }
  }

  /// Reports in a later turn, as for all outcomes, unless `request` has been released by then.
  private func report<Answer>(
    _ result: Result<Answer, CallFailure>, of request: AnyObject,
    to completion: @escaping (Result<Answer, CallFailure>) -> Void
  ) {
    unsent.append { [weak request] in if request != nil { completion(result) } }
    reporter.schedule()
  }

  private var unsent: [() -> Void] = []
  private lazy var reporter = scheduler.deferred { [unowned self] in
    let due = unsent
    unsent = []
    for report in due { report() }
  }

  private struct WeakCall {
    weak var call: VODCall?
  }
}
