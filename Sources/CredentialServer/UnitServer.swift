package import Core
import LocalSockets
package import Secrets
package import Systemd

/// Our end of a connection to a peer: a socket, or a test's substitute.
package protocol UnitChannel: AnyObject {
  /// Sends as much as there is room for. Returns the number of bytes, 0 if there is no room, or nil if the peer has
  /// closed.
  func send(_ bytes: Span<UInt8>) -> Int?
  /// Whether `UnitServer.writable` is to be called when there is room.
  func watchRoom(_ isWatched: Bool)
  func close()
}

/// Serves `LoadCredential=` of other units: identifies the peers, and sends credentials or refusals.
///
/// systemd takes everything up to the end of the stream as the credential. An empty stream is an empty credential, with
/// which the unit starts. The only answer that makes the start fail is one above 1 MiB, the maximum size of a
/// credential (tried on systemd 252 and 257: status 243). So a refusal is that many zeros. Every request is answered,
/// since a `Type=simple` unit would wait for ever.
package final class UnitServer: UnitAnswers {
  private enum State {
    case waiting
    /// The answer, and how many of its bytes have been sent.
    case sending(Secret, Int)
    case refusing(Int)
  }

  private final class Connection {
    let channel: any UnitChannel
    let request: UnitRequest
    let isStrangers: Bool
    var state = State.waiting
    /// When the connection is closed, whatever has been sent by then; nil until there is something to send.
    var deadline: Timestamp?

    init(_ channel: any UnitChannel, _ request: UnitRequest, isStrangers: Bool) {
      self.channel = channel
      self.request = request
      self.isStrangers = isStrangers
    }
  }

  /// More than the maximum size of a credential, 1 MiB (CREDENTIAL_SIZE_MAX in systemd's src/shared/creds-util.h).
  static let refusalSize = (1 << 20) + zeros.count
  private static let zeros = [UInt8](repeating: 0, count: 65_536)
  /// How many bytes are sent at a time, so that other connections don't have to wait.
  private static let largestSend = 4 * zeros.count
  /// The maximum number of connections of peers other than systemd.
  private static let mostStrangers = 8
  /// The time after which a connection is closed whose peer doesn't read its answer. It then has a part of the
  /// credential or of the zeros.
  static let sendingTime: Duration = .seconds(60)

  private let scheduler: any Scheduler
  private let responder: any UnitResponder
  private let records: any UnitRecords
  private let refusals: UnitRefusalLog
  private var connections: [UInt64: Connection] = [:]
  private var lastNumber: UInt64 = 0
  private var strangers = 0
  private var timer: (any Alarm)!
  private var drained: (() -> Void)?
  private var drainEnd: Timestamp?
  /// The maximum number of connections; further ones wait in the listener's queue.
  package var most: Int
  /// Called when there is room for another connection.
  package var roomMade: () -> Void = {}

  package init(
    scheduler: any Scheduler, responder: any UnitResponder, records: any UnitRecords = HostUnitRecords(),
    refusals: UnitRefusalLog, most: Int
  ) throws {
    self.scheduler = scheduler
    self.responder = responder
    self.records = records
    self.refusals = refusals
    self.most = most
    timer = try scheduler.timer(accuracy: 100_000) { [unowned self] in endOverdue() }
  }

  package var count: Int { connections.count }
  package var isFull: Bool { connections.count >= most }

  // MARK: - Connections

  /// Takes over a connection. Returns its number, for `writable` and `hungUp`; nil if the connection was closed at
  /// once. `address` is the peer's address if that is abstract.
  package func accept(_ channel: any UnitChannel, from peer: Peer, at address: [UInt8]?) -> UInt64? {
    let claimed = address.flatMap { UnitAddress($0) }
    guard let claimed, peer.uid == 0 || strangers < Self.mostStrangers else {
      refusals.note(peer, claiming: claimed)
      channel.close()
      return nil
    }
    lastNumber += 1
    let request = UnitRequest(
      number: lastNumber, unit: claimed.unit, credential: claimed.credential, pid: peer.pid,
      program: records.program(of: peer.pid))
    let connection = Connection(channel, request, isStrangers: peer.uid != 0)
    connections[request.number] = connection
    // A user's service manager connects in the same way. Its unit is refused, so that it doesn't start with an empty
    // credential.
    if peer.uid != 0 {
      strangers += 1
      refusals.note(peer, claiming: claimed)
      refuse(request)
    } else if let other = otherUnit(than: claimed.unit, of: peer) {
      refusals.note(.otherUnit(found: other), of: request)
      refuse(request)
    } else {
      responder.requested(request, from: self)
    }
    return connections[request.number] == nil ? nil : request.number
  }

  /// The control group of the peer's process if it isn't the unit's: root's own service manager also connects as root.
  /// Nil if it is the unit's, and if it can't be read because the process has ended or /proc hides it.
  private func otherUnit(than unit: UnitName, of peer: Peer) -> String? {
    guard let groups = records.controlGroups(of: peer.pid), let managers = records.controlGroups(of: 1),
      let group = ManagedGroup(groups, managers: managers), group.unit != unit.description
    else { return nil }
    return group.path
  }

  // MARK: - Answers

  package func hand(_ credential: Secret, to request: UnitRequest) { begin(.sending(credential, 0), request) }

  package func refuse(_ request: UnitRequest) { begin(.refusing(0), request) }

  private func begin(_ state: State, _ request: UnitRequest) {
    guard let connection = connections[request.number] else { return }
    connection.state = state
    let deadline = scheduler.time + Self.sendingTime
    connection.deadline = deadline
    arm(for: deadline)
    flush(connection)
  }

  /// There is room to send more on a connection.
  package func writable(_ number: UInt64) {
    if let connection = connections[number] { flush(connection) }
  }

  /// The peer has closed the connection.
  package func hungUp(_ number: UInt64) {
    guard let connection = connections[number] else { return }
    if case .waiting = connection.state { responder.abandoned(connection.request) }
    end(connection)
  }

  private func flush(_ connection: Connection) {
    var room = Self.largestSend
    while room > 0 {
      let sent: Int?
      switch connection.state {
      case .waiting: return
      case .sending(let credential, let done):
        sent = credential.withBytes { connection.channel.send($0.extracting(droppingFirst: done)) }
        if let sent { connection.state = .sending(credential, done + sent) }
        if let sent, done + sent == credential.count { return end(connection) }
      case .refusing(let done):
        let rest = min(Self.zeros.count, Self.refusalSize - done)
        sent = connection.channel.send(Self.zeros.span.extracting(first: rest))
        if let sent { connection.state = .refusing(done + sent) }
        if let sent, done + sent == Self.refusalSize { return end(connection) }
      }
      guard let sent else { return end(connection) }
      if sent == 0 { break }
      room -= sent
    }
    connection.channel.watchRoom(true)
  }

  private func end(_ connection: Connection) {
    guard connections.removeValue(forKey: connection.request.number) != nil else { return }
    if connection.isStrangers { strangers -= 1 }
    connection.channel.close()
    roomMade()
    finishDrainIfDone()
  }

  // MARK: - Deadlines

  private func endOverdue() {
    let now = scheduler.time
    for connection in connections.values where connection.deadline.map({ $0 <= now }) ?? false { end(connection) }
    if let drainEnd, drainEnd <= now { return finishDrain() }
    if let next = (connections.values.compactMap(\.deadline) + [drainEnd].compactMap(\.self)).min() { arm(for: next) }
  }

  private func arm(for deadline: Timestamp) {
    if let armed = timer.deadline, armed <= deadline.microseconds { return }
    timer.arm(at: deadline.microseconds)
  }

  // MARK: - Stopping

  /// Calls `completion` when all answers have been sent completely, or when `limit` is over. Answer all requests before
  /// the call.
  package func drain(within limit: Duration, _ completion: @escaping () -> Void) {
    drained = completion
    let end = scheduler.time + limit
    drainEnd = end
    arm(for: end)
    finishDrainIfDone()
  }

  private func finishDrainIfDone() {
    if drained != nil, connections.isEmpty { finishDrain() }
  }

  private func finishDrain() {
    let completion = drained
    (drained, drainEnd) = (nil, nil)
    completion?()
  }
}
