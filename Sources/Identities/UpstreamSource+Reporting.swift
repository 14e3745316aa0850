package import CloudAPI
package import Core
import Logs
import Settings
package import Wire

/// A tier in the log, the status and the metrics.
extension UpstreamSource {
  /// A machine answers, after none did, or in place of another one.
  func reportAnswer(from place: Int, isNews: Bool) {
    guard let held else { return }
    let failing = upstream.urls.indices.filter { $0 < place }.compactMap { index in
      records[index].latestFailure.map { "\(upstream.urls[index]) \($0)" }
    }
    let event: LogEvent =
      isNews ? .tierAnswers : place == 0 ? .firstTierMachineAnswers : .otherTierMachineAnswers
    log.write(
      event,
      [.source(name), .endpoint(upstream.urls[place])] + (isNews ? [.count(held.bundle.roles.count)] : [])
        + (failing.isEmpty ? [] : [.reason(failing.joined(separator: ", "))]))
  }

  func report(_ failure: Failure) {
    let event: LogEvent =
      failure.isOfOwnFiles
      ? .tierFilesUnusable
      : failure.code == TransportFailureCode.untrusted
        ? .tierNotTrusted : failure.kind == .permanent ? .tierRefuses : .tierAway
    log.write(
      event,
      [.source(name), .next(in: schedule.nextRequest - now)] + [LogField](failure))
  }

  private var state: SourceState {
    guard let failure else { return held == nil ? .fetching : .working }
    if failure.failure.isOfOwnFiles { return .unreadable }
    if failure.failure.kind == .permanent { return .refused }
    if held == nil { return .noCredential }
    return now - failure.since >= Self.lasting ? .notRenewed : .working
  }

  private func error(_ clock: ServerClock) -> LastError? {
    failure.map { LastError($0.failure, since: clock.calendar(at: $0.since)) }
  }

  package func status(clock: ServerClock) -> SourceStatus {
    var status = SourceStatus(name: name, type: settings.kind.type.rawValue, state: state, error: error(clock))
    status.tier = TierStatus(
      machine: held?.bundle.tier, host: held?.bundle.host, url: held.map { upstream.urls[$0.place] },
      bundleAt: held.map { clock.calendar(at: $0.sent) }, confirmedAt: held.map { clock.calendar(at: $0.confirmed) },
      nextAt: clock.calendar(at: schedule.nextRequest), roles: held?.bundle.roles.count,
      urls: zip(upstream.urls, records).map { url, record in
        EndpointStatus(
          endpoint: url, answers: Int64(record.answers), failures: Int64(record.failures),
          lastAnswerAt: record.latestAnswer.map { clock.calendar(at: $0) },
          latestFailure: record.latestFailure)
      })
    return status
  }

  package func forReaders(clock: ServerClock) -> RoleSource {
    var source = RoleSource(name: name, state: state, error: error(clock))
    source.type = settings.kind.type.rawValue
    return source
  }

  package var trouble: String? {
    guard let failure, state.needsAttention else { return nil }
    let code = failure.failure.code
    if failure.failure.isOfOwnFiles {
      return "source '\(name)': the tier isn't asked, since files of this host can't be used (\(code))"
    }
    if state == .refused { return "source '\(name)': the tier refuses this host (\(code))" }
    let since = UTCTime(seconds: serverTime().seconds - (now - failure.since).wholeSeconds)
    return "source '\(name)': no machine of the tier answers since \(since) (\(code))\(consequence)"
  }

  private var consequence: String {
    if upstream.fallback != nil { return "; roles with a fallback are fetched from STS before their floor" }
    return held == nil ? "" : "; roles keep their sessions until these lapse"
  }
}

/// A tier hands sessions out; nobody signs here.
extension UpstreamSource {
  package var signer: SourceSigner {
    .none(
      Failure(
        .permanent, code: "SourceIsTier",
        advice: "source '\(name)' is a tier, which hands out sessions and signs nothing"))
  }

  package var owner: CallerIdentity? { nil }
  package func explained(_ failure: Failure, of signer: SigningIdentity) -> Failure { failure }
  package func accepted(_ signer: SigningIdentity) {}
  package func denied(_ signer: SigningIdentity) {}
  package func refused(_ signer: SigningIdentity, _ failure: Failure, settled: @escaping () -> Void) -> AnyObject? {
    nil
  }
}
