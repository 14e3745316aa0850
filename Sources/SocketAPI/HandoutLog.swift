import Core
import LocalSockets
import Logs
import Refresh

/// The record of hand-outs in the log: one line for each session, user, unit and program.
///
/// A user's programs can call themselves whatever they like. So no more than `ReadCounter.mostReaders` of a user are logged for each session,
/// and beside the first of each session no more than 60 at once and one in 10 s of a user. One line says that there are more. The first of each
/// unit is logged in any case, of up to `ReadCounter.mostUnits`.
final class HandoutLog {
  /// A process that was looked up, and until when its number is taken for it.
  private struct Known {
    let uid: UInt32
    let reader: ReadCounter.Reader
    let end: Timestamp
  }

  private static let mostProcesses = 1024
  private static let mostUsers = 1024

  private let log: Log
  private let callers: CallerLog
  private var processes: [Int32: Known] = [:]
  private var allowances: [UInt32: TokenBucket] = [:]

  init(log: Log, callers: CallerLog) {
    self.log = log
    self.callers = callers
  }

  /// Counts a hand-out, and logs it if it is the first of its kind. `process` is asked for only then, or if it may be.
  func note(
    _ handout: Handout, of role: ManagedRole, isReserved: Bool, to peer: Peer, at now: Timestamp,
    via way: LogField.Way = .socket, _ process: () -> PeerProcess?
  ) {
    let isUncertain = role.handouts.enter(
      uid: peer.uid, pid: peer.pid, session: handout.session.id, isReserved: isReserved, at: now)
    // The counts by uid are the role's.
    role.origin?.handouts.count(uid: peer.uid)
    guard isUncertain, log.takes(.handedOut) else { return }
    let record = role.handouts.record(
      reader(peer, at: now, process), uid: peer.uid, pid: peer.pid, isReserved: isReserved, at: now
    ) { takesAnother(of: peer.uid, at: now) }
    let scope = role.key.scope.map { [LogField.scope($0)] } ?? []
    let session =
      [LogField.role(role.name)] + scope
      + [.generation(handout.generation), .accessKeyID(handout.session.accessKeyID), .via(way)]
    switch record {
    case .first, .another:
      callers.write(
        .handedOut, session, uid: peer.uid, pid: peer.pid == 0 ? nil : peer.pid, process: .connected(process()))
    case .beyond: callers.write(.handedOutToMore, session, uid: peer.uid)
    case .known: break
    }
  }

  private func reader(_ peer: Peer, at now: Timestamp, _ process: () -> PeerProcess?) -> ReadCounter.Reader {
    if let known = processes[peer.pid], known.uid == peer.uid, now < known.end { return known.reader }
    let process = process()
    let reader = ReadCounter.Reader(program: process?.program, unit: process?.unit)
    if processes.count >= Self.mostProcesses { processes.removeAll(keepingCapacity: true) }
    processes[peer.pid] = Known(uid: peer.uid, reader: reader, end: now + ReadCounter.trust)
    return reader
  }

  private func takesAnother(of uid: UInt32, at now: Timestamp) -> Bool {
    if allowances[uid] == nil {
      if allowances.count >= Self.mostUsers { allowances.removeAll(keepingCapacity: true) }
      allowances[uid] = TokenBucket(rate: 0.1, burst: 60, at: now)
    }
    return allowances[uid]?.take(at: now) ?? false
  }
}
