import Core
package import Logs

extension Log {
  /// Logs what a role's machine reports. `role` is as the report left it.
  func write(_ report: RefreshReport, of role: ManagedRole, at now: Timestamp) {
    let name = role.logFields
    switch report {
    case .refreshed(let session, let generation):
      // A standby isn't published, and the generation in force isn't its.
      let isPublished = role.machine.publishedID == session.id
      write(.credentialRefreshed, name + [.generation(isPublished ? generation : nil)] + [LogField](session))
    case .reserved(let session): write(.reserved, name + [LogField](session))
    case .grantedLess(let asked, let granted):
      let advice = "asked for \(asked.text); compare the role's MaxSessionDuration with 'duration'"
      write(.grantedLess, name + [.seconds(granted), .advice(advice)])
    case .failing(let failure, let next):
      let event: LogEvent =
        role.isValid(at: now) ? .refreshFailedKeepingCredential : .refreshFailedWithoutCredential
      write(event, name + [.next(in: next - now)] + [LogField](failure), raisedTo: failure.level)
    case .stillFailing(let failure, let failures, _, let next):
      write(
        .refreshStillFails, name + [.count(failures), .next(in: next - now)] + [LogField](failure),
        raisedTo: failure.level)
    case .recovered(let failures, let since, let isFirst):
      write(isFirst ? .firstSessionFetched : .refreshRecovered, name + [.count(failures), .seconds(now - since)])
    case .reservationServes(let session, let generation):
      write(.reservationServes, name + [.generation(generation)] + [LogField](session))
    case .reservationFailed(let failure):
      write(
        failure.code == Failure.grantedLessCode ? .reservationShorter : .reservationFailed,
        name + [.code(failure.code), .advice(failure.advice)])
    case .belowFloor(let remaining): write(.belowFloor, name + [.remaining(remaining)])
    case .lapsed: write(.lapsed, name)
    case .condemned(let session, let replacement):
      let event: LogEvent =
        switch replacement {
        case .standby: .condemnedUsingStandby
        case .nothing: .condemnedFetchingAnother
        case .notNeeded: .condemnedUnused
        }
      write(event, name + [.accessKeyID(session.accessKeyID)])
    }
  }
}

extension ManagedRole {
  /// Its name, and for a derived session what it is of.
  package var logFields: [LogField] {
    let key = key
    return [.role(name)] + (key.scope.map { [.scope($0)] } ?? []) + (key.uid.map { [.uid($0)] } ?? [])
      + (key.shard.map { [.shard($0)] } ?? [])
  }
}

extension [LogField] {
  fileprivate init(_ session: Session) {
    self = [.accessKeyID(session.accessKeyID), .expires(session.expiration)]
  }
}

extension Failure {
  /// A permanent failure is an error, and so is a certificate that doesn't verify: a person has to act. All others pass by themselves.
  fileprivate var level: LogLevel {
    kind == .permanent || code == TransportFailureCode.untrusted ? .error : .warning
  }
}
