package import CloudAPI
package import Core
import HTTPClient
import Identities
package import Settings
import Systemd

/// Asks STS one question after the other and waits for each answer, for commands that find out what the daemon would be
/// answered.
///
/// It asks as the daemon does: with the same endpoints, proxy, certificates, time-outs and signatures. An endpoint that didn't
/// answer is asked last from then on.
package final class STSProbe {
  /// How an answer differs from the expected one, and what to do.
  package struct Trouble: Error, Hashable, Sendable {
    /// The code and what belongs to it: `NoPermission (HTTP 403, request 5F2C…)`, `Connect: connection refused`.
    package let problem: String
    package let remedy: String
    package let failure: Failure
    /// Whether it isn't on the way to STS: then the next question may well be answered.
    package let isAnswer: Bool
  }

  /// An endpoint that answered.
  package struct Reached: Hashable, Sendable {
    /// From the look-up of the name to the end of the answer.
    package let took: Duration
  }

  /// An issued session; it is wiped with this value.
  package struct TrialSession {
    /// By the server's clock.
    package let lifetime: Duration
    /// To sign for the roles that the session's role is the source of.
    package let signer: SigningIdentity
  }

  /// Who asks for a session.
  package enum Asker {
    case signer(SigningIdentity)
    /// In place of a signature.
    case token(IdentityToken)
  }

  /// How far STS's clock is ahead of this host's, by the latest answer; nil until one came. Exact to half a second, since a
  /// `Date` is truncated to whole ones.
  package private(set) var lead: Duration?

  private let settings: STSSettings
  let loop: EventLoop
  private let http: HTTPClient
  private var endpoints: [Endpoint]
  private let hostName: String
  private var chance = SystemChance()
  /// Whether requests are dated by STS's clock, since STS refused this host's.
  private var isCorrected = false

  /// Throws a sentence if the certificates or the proxy's password can't be used.
  package init(_ settings: STSSettings, hostName: String) throws {
    self.settings = settings
    loop = try EventLoop()
    let password = try settings.proxy?.passwordFile.map { try ProxyPassword.read($0) }
    http = try HTTPClient(loop, settings: HTTPClient.Settings(settings), proxyPassword: password)
    try http.prime()
    endpoints = settings.endpoints
    self.hostName = hostName
  }

  /// Sends a request without a signature, to which any HTTP answer will do.
  package func reach(_ endpoint: Endpoint) -> Result<Reached, Trouble> {
    let begun = EventLoop.bootTime()
    let request = HTTPRequest(.get, "https://\(endpoint)/")
    return exchange(request) { _, _ in }.map { Reached(took: .microseconds(EventLoop.bootTime() - begun)) }
      .mapError { Trouble([$0], now: now) }
  }

  /// The owner of the key or session that signs.
  package func identity(of signer: SigningIdentity) -> Result<CallerIdentity, Trouble> {
    ask(
      { HTTPRequest(GetCallerIdentityRequest().signed(by: signer, in: $0)) },
      { response, body, _ in response.callerIdentity(from: body) })
  }

  /// Has a session issued to the role.
  package func session(
    of role: RoleSettings, lasting duration: Duration, to asker: Asker
  ) -> Result<TrialSession, Trouble> {
    let sessionName: String
    guard let arn = role.arn else { return .failure(Trouble(.noRoleARN)) }
    do { sessionName = try role.sessionName.expand(host: hostName, role: role.name, slot: "0") } catch {
      return .failure(Trouble(.noSessionName))
    }
    let request = AssumeRoleRequest(
      roleARN: arn, sessionName: sessionName, duration: duration,
      policy: role.policy.map { String(decoding: $0, as: UTF8.self) }, externalID: role.externalID)
    return ask(
      { context in
        switch asker {
        case .signer(let signer): HTTPRequest(request.signed(by: signer, in: context))
        case .token(let token): HTTPRequest(AssumeRoleWithOIDCRequest(request, with: token).request(in: context))
        }
      },
      { response, body, now in
        switch response.assumedSession(from: body, now: now) {
        case .granted(let session):
          .granted(
            TrialSession(
              lifetime: .seconds(session.expiration.seconds - now.seconds),
              signer: SigningIdentity(
                key: AccessKey(id: session.accessKeyID, secret: session.accessKeySecret),
                securityToken: session.securityToken, provider: "static_sts")))
        case .refused(let failure): .refused(failure)
        }
      })
  }

  /// The server's time as far as it is known.
  var now: UTCTime {
    UTCTime(seconds: (loop.wallMicroseconds + (lead?.microseconds ?? 0)) / 1_000_000)
  }

  /// Asks one endpoint after the other until one answers.
  private func ask<Content>(
    _ sign: (RequestContext) -> HTTPRequest,
    _ read: @escaping (STSResponse, Span<UInt8>, UTCTime) -> STSAnswer<Content>
  ) -> Result<Content, Trouble> {
    var failures: [TransportFailure] = []
    for endpoint in endpoints {
      var answer = askOnce(endpoint, sign, read)
      // As the daemon does: at once, with the server's time or a new nonce.
      if case .success(.refused(let failure)) = answer, mayRepeat(after: failure) {
        answer = askOnce(endpoint, sign, read)
      }
      switch answer {
      case .success(.granted(let content)): return .success(content)
      case .success(.refused(let failure)):
        return .failure(Trouble(settings.fleetSize > 1 ? failure.inFleet : failure))
      case .failure(let failure):
        failures.append(failure)
        guard failure.concernsEndpointAlone else { return .failure(Trouble(failures, now: now)) }
        endpoints.removeAll { $0 == endpoint }
        endpoints.append(endpoint)
      }
    }
    return .failure(Trouble(failures, now: now))
  }

  private func mayRepeat(after failure: Failure) -> Bool {
    switch failure.kind {
    case .nonceUsed: return true
    case .skew:
      defer { isCorrected = true }
      return lead != nil && !isCorrected
    default: return false
    }
  }

  private func askOnce<Content>(
    _ endpoint: Endpoint, _ sign: (RequestContext) -> HTTPRequest,
    _ read: @escaping (STSResponse, Span<UInt8>, UTCTime) -> STSAnswer<Content>
  ) -> Result<STSAnswer<Content>, TransportFailure> {
    let date = isCorrected ? now : UTCTime(seconds: loop.wallMicroseconds / 1_000_000)
    let context = RequestContext(to: endpoint.description, dated: date, using: &chance)
    return exchange(sign(context)) { answer, body in
      let now = answer.date.flatMap { UTCTime(httpDate: $0) } ?? self.now
      return read(STSResponse(answer, now: now), body, now)
    }
  }

  /// Sends a request and turns the loop until its outcome is there.
  private func exchange<Content>(
    _ request: HTTPRequest, _ read: @escaping (HTTPAnswer, Span<UInt8>) -> Content
  ) -> Result<Content, TransportFailure> {
    var result: Result<Content, TransportFailure>?
    let sent = loop.wallMicroseconds
    do throws(TransportFailure) {
      try http.send(request) { [unowned self] outcome, body in
        switch outcome {
        case .success(let answer):
          note(answer, sentAt: sent)
          result = .success(read(answer, body))
        case .failure(let failure): result = .failure(failure)
        }
      }
    } catch { return .failure(error) }
    while true {
      if let result { return result }
      do { try loop.runOnce(timeout: nil) } catch {
        return .failure(TransportFailure(.noResources, text: error.cause))
      }
    }
  }

  /// Makes the requests to the service of `source` that the daemon makes; nil for a source that no service has.
  package func fetch(_ source: SourceSettings) throws -> Result<SigningIdentity, Trouble>? {
    guard let fetcher = try SourceFactory.fetcher(source, sts: settings, loop: loop) else { return nil }
    var outcome: FetchOutcome?
    let fetch = fetcher.fetch { outcome = $0 }
    defer { withExtendedLifetime(fetch) {} }
    while true {
      switch outcome {
      case nil: try loop.runOnce(timeout: nil)
      case .failed(let failure): return .failure(Trouble(failure, ofSource: source.name))
      case .fetched(let credential): return signer(credential, from: fetcher.service, source.name)
      }
    }
  }

  /// Asks each machine of a tier for this host's bundle.
  package func bundles(
    of upstream: UpstreamSettings, source name: String
  ) throws -> [(url: String, result: Result<Bundle, Trouble>)] {
    let connection = try SourceFactory.tierConnection(upstream, of: name, sts: settings, loop: loop) { self.now }
    return try upstream.urls.map { url in
      var reply: TierReply?
      let sent = loop.wallMicroseconds
      let exchange = connection.ask(.bundle(etag: nil, wait: nil), at: url) { reply = $0 }
      defer { withExtendedLifetime(exchange) {} }
      while reply == nil { try loop.runOnce(timeout: nil) }
      note(date: reply?.date, sentAt: sent)
      switch reply?.answer {
      case .bundle(let bundle, _): return (url, .success(bundle))
      case .failed(let failure): return (url, .failure(Trouble(failure, ofSource: name)))
      case .unchanged, .reported, nil:
        return (url, .failure(Trouble(Failure(.transient, code: "NoBundle", advice: "answered something else"))))
      }
    }
  }

  private func signer(
    _ credential: ServedCredential, from service: String, _ source: String
  ) -> Result<SigningIdentity, Trouble> {
    if let end = credential.expiration, end.seconds - now.seconds <= FetchedSource.margin.wholeSeconds {
      return .failure(Trouble(FetchedSource.expired(service), ofSource: source))
    }
    return .success(SigningIdentity(credential))
  }

  private func note(_ answer: HTTPAnswer, sentAt sent: Int64) {
    note(date: answer.date.flatMap { UTCTime(httpDate: $0) }, sentAt: sent)
  }

  private func note(date: UTCTime?, sentAt sent: Int64) {
    guard let date else { return }
    let middle = (sent + loop.wallMicroseconds) / 2
    lead = .microseconds(date.seconds * 1_000_000 + 500_000 - middle)
  }
}

extension STSProbe.Trouble {
  /// STS's refusal, or an answer that can't be used.
  init(_ failure: Failure) {
    let details = [failure.httpStatus.map { "HTTP \($0)" }, failure.requestID.map { "request \($0)" }].compactMap(
      \.self)
    let suffix = details.isEmpty ? "" : " (\(details.joined(separator: ", ")))"
    self.init(
      problem: failure.code + suffix, remedy: failure.advice, failure: failure, isAnswer: true)
  }

  /// A service that gave no credential.
  init(_ failure: Failure, ofSource name: String) {
    let parts = failure.advice.split(separator: "; ", maxSplits: 1).map(String.init)
    self.init(
      problem: "\(failure.code): \(parts.first ?? "")",
      remedy: parts.count > 1 ? parts[1] : "look at what answers there, and at [source.\(name)]",
      failure: failure, isAnswer: true)
  }

  /// The same trouble with another thing to do.
  package func withRemedy(_ remedy: String) -> Self {
    Self(problem: problem, remedy: remedy, failure: failure, isAnswer: isAnswer)
  }

  /// No endpoint answered; the first failure is the one that is explained.
  init(_ failures: [TransportFailure], now: UTCTime) {
    let failure = Failure(failures, now: now)
    let lead = failures.first { Failure.words(for: $0.kind).code == failure.code } ?? failures[0]
    let others = failures.count > 1 ? "; the other endpoints gave no answer either" : ""
    self.init(
      problem: "\(failure.code): \(lead.text)\(others)", remedy: Failure.words(for: lead.kind).advice,
      failure: failure, isAnswer: false)
  }

  /// The same trouble with the place where another key belongs, and with the owner of the key where that explains it.
  package func naming(keyPlace: String, signer: CallerIdentity?) -> Self {
    guard isAnswer else { return self }
    let named = failure.naming(keyPlace: keyPlace).naming(signer)
    return Self(problem: problem, remedy: named.advice, failure: named, isAnswer: true)
  }
}
