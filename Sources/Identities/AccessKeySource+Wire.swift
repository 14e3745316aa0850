import CloudAPI
package import Core
package import Wire

/// A source in status, metrics and the service manager's line.
extension AccessKeySource {
  /// `clock` turns instants into the server's time.
  package func status(clock: ServerClock) -> SourceStatus {
    let current = keys.current
    return SourceStatus(
      name: name, type: "access-key", state: state, accessKeyID: current?.shownID,
      inUseSince: current.map { clock.calendar(at: $0.since) },
      provenAt: current?.proven.map { clock.calendar(at: $0) },
      lastAcceptedAt: current?.lastAccepted.map { clock.calendar(at: $0) }, arn: current?.identity?.arn,
      error: error(clock),
      newKey: keys.candidate.map {
        NewKeyStatus(
          accessKeyID: $0.key.maskedID, foundAt: clock.calendar(at: $0.since),
          error: $0.failure.map { Self.error($0, clock) })
      })
  }

  /// The part for readers of the roles that it signs for.
  package func forReaders(clock: ServerClock) -> RoleSource {
    let state = state
    let error = state == .keyNotTaken ? keys.candidate?.failure.map { Self.error($0, clock) } : error(clock)
    return RoleSource(name: name, state: state, error: error)
  }

  private func error(_ clock: ServerClock) -> LastError? {
    keys.current?.refusal.map { Self.error($0, clock) }
      ?? fileError.map { LastError(file: $0.sentence, since: clock.calendar(at: $0.since)) }
  }

  private static func error(_ failure: KeySuccession.TimedFailure, _ clock: ServerClock) -> LastError {
    LastError(failure.failure, since: clock.calendar(at: failure.since))
  }

  /// The worst state that applies.
  package var state: SourceState {
    guard let current = keys.current else { return .noKey }
    if current.refusal != nil { return .refused }
    if fileError != nil { return .unreadable }
    if let candidate = keys.candidate { return candidate.failure == nil ? .proving : .keyNotTaken }
    return current.proven == nil ? .unproven : .working
  }

  /// A clause on the problem, for the service as a whole; nil if there is none.
  package var trouble: String? {
    switch state {
    case .working, .unproven, .proving: nil
    case .keyNotTaken:
      "source '\(name)': new AccessKey not taken (\(keys.candidate?.failure?.failure.code ?? "")), the old one signs"
    case .unreadable: "source '\(name)': \(fileError?.sentence ?? ""); the key read before goes on signing"
    case .refused: "source '\(name)': STS refuses the AccessKey (\(keys.current?.refusal?.failure.code ?? ""))"
    case .noKey, .fetching, .notRenewed, .noCredential: "source '\(name)': \(missingKeyAdvice)"
    }
  }
}
