import Core
import HTTPServer
import Refresh
import Systemd
import Wire

/// What the streams of events are about, and where they go.
protocol EventSource: AnyObject {
  /// All roles, in order.
  var roles: [ManagedRole] { get }
  /// Whether a peer may know what becomes of the session: of a role, or derived from one.
  func mayFollow(_ peer: Peer, _ token: ResponseToken, _ role: ManagedRole) -> Bool
  /// Whether a read by the peer gets the session of this key.
  func maySubscribe(_ peer: Peer, _ token: ResponseToken, to key: SessionKey) -> Bool
  /// The role as it is now; nil once it is removed.
  func snapshot(of role: ManagedRole) -> RoleEvent?
  func heartbeat() -> Heartbeat
  /// Fetches the sessions that streams are about and that aren't there, if there is room for them by now.
  func fetchMissingSessions()
  /// Sends to a stream; false if its reader is gone.
  func send(_ bytes: PlainBytes, to token: ResponseToken) -> Bool
  /// Ends a stream.
  func finish(_ token: ResponseToken)
  /// How many bytes the stream's reader is behind.
  func backlog(of token: ResponseToken) -> Int
}

/// Readers of `GET /v1/events`: each gets one line for each role that it may read, the snapshot, then one for each change of such a
/// role, and a heartbeat at a fixed interval. A reload may let it read a role, whose line it gets then, or end a stream about a role
/// that its reader may not read any more.
///
/// With many roles the snapshot is sent in slices, and no faster than the reader reads: a slow one isn't dropped for it. Each of its
/// lines has the role's state at the time it is sent, so a change meanwhile needs no care.
final class EventSubscribers {
  private struct Reader {
    let peer: Peer
    /// The only session that the stream is about; nil for all.
    let key: SessionKey?
    /// The roles that the snapshot still lacks.
    var missing: ArraySlice<ManagedRole>
    /// Whether there has been a session of `key` since the stream began.
    var hasHadSession = false
  }

  /// A piece of a snapshot, in bytes.
  private static let piece = 16_384
  /// How far behind a reader may be to be sent the next piece.
  private static let mostBehind = 16_384
  /// When a reader that was too far behind is looked at again: at first, and at most, in µs.
  private static let shortestPause: Int64 = 20_000
  private static let longestPause: Int64 = 1_000_000

  private unowned let source: any EventSource
  private let scheduler: any Scheduler
  private var readers: [ResponseToken: Reader] = [:]
  /// How many streams are about each session alone.
  private var followers: [SessionKey: Int] = [:]
  /// The readers whose snapshot isn't complete.
  private var joining: [ResponseToken] = []
  /// The next pause while all of them are behind. It doubles, so that a reader which has stopped costs little.
  private var pause = EventSubscribers.shortestPause
  /// The roles whose readers a reload has changed so far, and the readers that it has made administrators.
  private var changedRoles: [RoleName] = []
  private var newAdmins: Set<ResponseToken> = []
  private var turn: (any Deferral)!
  private var retry: (any Alarm)!
  private var beat: (any Alarm)!

  init(scheduler: any Scheduler, source: any EventSource) throws {
    self.scheduler = scheduler
    self.source = source
    turn = scheduler.deferred { [unowned self] in sendSnapshots() }
    retry = try scheduler.timer(accuracy: 10_000) { [unowned self] in sendSnapshots() }
    beat = try scheduler.timer(accuracy: 1_000_000) { [unowned self] in sendHeartbeats() }
  }

  /// Begins with the snapshot: of all roles and the sessions that are derived from them.
  func add(_ token: ResponseToken, _ peer: Peer) { add(token, Reader(peer: peer, key: nil, missing: all[...])) }

  /// Begins with the snapshot of this session; `sessions` has none if there is nothing yet.
  func add(_ token: ResponseToken, _ peer: Peer, only key: SessionKey, _ sessions: [ManagedRole]) {
    add(token, Reader(peer: peer, key: key, missing: sessions[...], hasHadSession: !sessions.isEmpty))
  }

  private var all: [ManagedRole] { source.roles.flatMap { [$0] + $0.derivedInOrder } }

  /// Whether a stream is about this session alone.
  func follows(_ key: SessionKey) -> Bool { followers[key] != nil }

  /// The derived sessions that streams are about.
  var followedKeys: [SessionKey] { followers.keys.filter(\.isDerived) }

  private func add(_ token: ResponseToken, _ reader: Reader) {
    forget(token)
    readers[token] = reader
    if let key = reader.key { followers[key, default: 0] += 1 }
    joining.append(token)
    if !beat.isArmed { armBeat() }
    sendSnapshots()
  }

  func forget(_ token: ResponseToken) {
    guard let key = readers.removeValue(forKey: token)?.key, let count = followers[key] else { return }
    followers[key] = count > 1 ? count - 1 : nil
  }

  /// Ends the streams that are about this session alone and have never had it. The others go on: their readers know that it is gone.
  func endWithoutSession(_ key: SessionKey) {
    for token in readers.filter({ $0.value.key == key && !$0.value.hasHadSession }).keys {
      forget(token)
      source.finish(token)
    }
  }

  func forgetAll() {
    readers = [:]
    followers = [:]
    joining = []
  }

  // MARK: - Reload

  /// A reload has added the role, or changed who may read it; `review` follows.
  func readersChanged(of role: RoleName) {
    if !readers.isEmpty { changedRoles.append(role) }
  }

  /// A reload has changed who is an administrator; `isNew` is asked for each reader, and `review` follows.
  func adminsChanged(_ isNew: (Peer) -> Bool) {
    for (token, reader) in readers where reader.key == nil && isNew(reader.peer) { newAdmins.insert(token) }
  }

  /// All roles are those of the new settings: ends streams about a role that is gone or may not be read any more, and sends the
  /// others the lines of the roles whose readers have changed.
  func review() {
    defer { (changedRoles, newAdmins) = ([], []) }
    if readers.isEmpty { return }
    let all = all
    let names = Set(changedRoles)
    let changed = all.filter { names.contains($0.name) }
    for (token, reader) in Array(readers) {
      if let key = reader.key {
        if source.maySubscribe(reader.peer, token, to: key) { continue }
        forget(token)
        source.finish(token)
      } else {
        addLines(newAdmins.contains(token) ? all : changed, to: token)
      }
    }
    sendSnapshots()
  }

  private func addLines(_ roles: [ManagedRole], to token: ResponseToken) {
    guard !roles.isEmpty, let missing = readers[token]?.missing else { return }
    if missing.isEmpty { joining.append(token) }
    readers[token]?.missing = missing.isEmpty ? roles[...] : missing + roles[...]
  }

  // MARK: - Changes

  /// Renders the line once, and only if there are readers.
  func publish(_ role: ManagedRole, _ event: @autoclosure () -> RoleEvent) {
    if readers.isEmpty { return }
    let line = PlainBytes(event().rendered())
    let key = role.key
    for (token, reader) in readers where reader.key.map({ $0 == key }) ?? true {
      if reader.key != nil, !reader.hasHadSession { readers[token]?.hasHadSession = true }
      if source.mayFollow(reader.peer, token, role) { send(line, to: token) }
    }
  }

  private func send(_ bytes: PlainBytes, to token: ResponseToken) {
    if !source.send(bytes, to: token) { forget(token) }
  }

  // MARK: - Heartbeat

  private func armBeat() { beat.arm(at: (scheduler.time + Heartbeat.interval).microseconds) }

  private func sendHeartbeats() {
    if readers.isEmpty { return }
    armBeat()
    let line = PlainBytes(source.heartbeat().rendered())
    for token in Array(readers.keys) { send(line, to: token) }
    source.fetchMissingSessions()
  }

  // MARK: - Snapshot

  /// Works for one slice, and arranges for the next.
  private func sendSnapshots() {
    let end = scheduler.time + LoopSlice.length
    var behind: [ResponseToken] = []
    while let token = joining.first {
      joining.removeFirst()
      guard readers[token] != nil else { continue }
      if source.backlog(of: token) > Self.mostBehind {
        behind.append(token)
      } else if !sendPiece(to: token, until: end) {
        joining.append(token)
      }
      if scheduler.time >= end { break }
    }
    if !joining.isEmpty {
      turn.schedule()
    } else if !behind.isEmpty {
      retry.arm(at: scheduler.time.microseconds + pause)
      pause = min(Self.longestPause, pause * 2)
    }
    joining += behind
  }

  /// True once the snapshot is complete, or the reader gone.
  private func sendPiece(to token: ResponseToken, until end: Timestamp) -> Bool {
    guard var missing = readers[token]?.missing, let peer = readers[token]?.peer else { return true }
    var lines: [UInt8] = []
    while lines.count < Self.piece, let role = missing.popFirst() {
      if source.mayFollow(peer, token, role), let event = source.snapshot(of: role) { lines += event.rendered() }
      if scheduler.time >= end { break }
    }
    // An empty slice would keep all roles of its array, and with them the secrets of those that are removed.
    readers[token]?.missing = missing.isEmpty ? [] : missing
    if !lines.isEmpty { send(PlainBytes(lines), to: token) }
    pause = Self.shortestPause
    return missing.isEmpty || readers[token] == nil
  }
}
