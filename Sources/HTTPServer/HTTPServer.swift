import CLinux
import Core
import Glibc
package import LocalSockets
package import Systemd

/// An HTTP/1.1 server for processes of this host: a listener, of a Unix socket or at a loopback address, and all its clients.
///
/// They share one epoll descriptor, which is one source of the loop: with a source per client, every turn would become more
/// expensive with their number. The work of one dispatch is limited by number (64 events, 64 new connections, or up to 512 during
/// an accept flood, 8 requests each) and by time (2 ms), so that the loop's other sources get their turn however busy the socket
/// is. A request costs a recv and a send, and no timer.
///
/// While clients of several users are connected, a turn goes in rounds: epoll is asked for ready connections, and each user has at
/// most `share` requests answered before it is asked again. Further requests wait in the queue, where the users take turns. So a
/// client with one request waits for one share of each of the other users, however many connections and requests they have.
package final class HTTPServer {
  static let batch = 64
  static let requestsPerVisit = 8
  /// After how many requests the listener is checked for new connections, if epoll hasn't been asked in between.
  static let requestsPerLook = 16
  /// How many connections are accepted at most before the open ones have their turn; some 3 µs each.
  static let largestAcceptShare = 512
  /// How many requests of one user are answered before others are looked for, while several are connected; some 3 µs each.
  static let share = 4
  /// How many bytes of a long answer are sent before others have their turn: a reader that is as fast as we are would otherwise
  /// take all of it at once.
  static let largestSend = 256 * 1024
  static let scratchSize = 16384
  /// Answers up to this size are joined and sent in one piece: send(2) of one piece takes a tenth less than sendmsg(2) of two.
  static let largestJoined = 2048
  static let listenerTag = UInt64.max
  /// How much later than its deadline an idle connection may be closed, in µs; the timer may be late by as much.
  static let idleStep: Int64 = 100_000

  let loop: EventLoop
  private(set) var acceptor: Acceptor!
  package var listener: any ConnectionListener { acceptor.listener }
  private(set) var limits: ServerLimits
  /// The handler owns the server, or both have the same owner.
  unowned let handler: any RequestHandler

  /// Called with the errno when accepting pauses because descriptors or memory have run out.
  package var acceptingPaused: ((CInt) -> Void)? {
    get { acceptor.paused }
    set { acceptor.paused = newValue }
  }
  package internal(set) var statistics = ServerStatistics()

  private(set) var epoll: CInt
  private var source: IOSource?
  private var expiry: TimerSource!
  private var resumption: DeferSource!
  /// Called when the server has drained; nil if it isn't draining.
  var drained: (() -> Void)?
  var drainTimer: TimerSource?

  var connections: ContiguousArray<Connection> = []
  var freeSlots: [UInt32] = []
  var openByUID: [UInt32: Int] = [:]
  var lingering = 0
  var hangUps = HangUps()
  var processes = PeerProcessReader()
  var deadlines = DeadlineLists()
  /// The lengths of the limits in µs.
  let spans: (head: Int64, idle: Int64, drain: Int64, linger: Int64)

  private var queue = TurnQueue()
  /// Whether the turn goes in rounds, with a share for each user.
  private var isInRound = false
  /// The requests served in this round, by user.
  private var served: [UInt32: Int] = [:]
  /// The count of requests when the listener was last checked.
  var requestsAtAccept: UInt64 = 0
  /// Starts at a random number in each server, so that a token of one means nothing to another.
  var nextSerial = UInt64.random(in: 1...UInt64.max >> 1)
  /// How many more connections this dispatch accepts.
  var acceptsLeft = 0
  /// How many connections a round accepts: doubled each time that doesn't empty the listener's queue. All clients share that queue,
  /// and when it is full, connecting fails (EAGAIN) or waits.
  var acceptShare = HTTPServer.requestsPerVisit
  /// The connections accepted since the listener's queue was last empty.
  var acceptFlood = AcceptFlood()
  /// How long the requests of one turn may take, in µs, beyond the one that is being answered.
  package var turnTime: Int64 = 2000
  private var turnEnd: Int64 = 0
  private var eventsPerTurn = HTTPServer.batch
  /// The loop's time in this dispatch.
  private(set) var now: Int64 = 0

  private let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: HTTPServer.batch)
  let scratch = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: HTTPServer.scratchSize)
  /// The buffer in which small answers are joined, wiped after each.
  let joined = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: HTTPServer.largestJoined)

  /// Serves from the next turn of `loop` on, until `stop` or its release. Neither retains `handler`.
  package init(
    _ loop: EventLoop, listener: any ConnectionListener, limits: ServerLimits = ServerLimits(),
    handler: any RequestHandler
  ) throws {
    self.loop = loop
    self.limits = limits
    self.handler = handler
    precondition(
      max(limits.headSize, limits.proxyHeadSize) <= HTTPServer.scratchSize, "a head fits into the scratch buffer")
    let micro = Duration.microseconds(1)
    spans = (
      Int64(limits.headTime / micro), Int64(limits.idleTime / micro), Int64(limits.drainTime / micro),
      Int64(limits.lingerTime / micro)
    )
    hangUps.countsHalfClosed = listener is LoopbackListener
    scratch.initialize(repeating: 0)
    events.initialize(repeating: epoll_event())
    joined.initialize(repeating: 0)
    epoll = epoll_create1(CInt(EPOLL_CLOEXEC))
    guard epoll >= 0 else { throw ListenError.call("epoll_create1", errno) }
    acceptor = try Acceptor(loop, listener) { [unowned self] isWatched in
      _ = watchListener(CInt(EPOLL_CTL_MOD), isWatched ? EPOLLIN.rawValue : 0)
    }
    guard watchListener(CInt(EPOLL_CTL_ADD), EPOLLIN.rawValue) else { throw ListenError.call("epoll_ctl", errno) }
    source = try IOSource(loop, descriptor: epoll, events: .readable) { [unowned self] _ in dispatch() }
    expiry = try TimerSource(loop, accuracy: 100_000) { [unowned self] in expire() }
    resumption = DeferSource(loop) { [unowned self] in resumeQueued() }
  }

  deinit {
    stop()
    events.deallocate()
    scratch.deallocate()
    joined.deallocate()
  }

  /// How many connections may be open, besides those for privileged peers.
  package var maximumConnections: Int { limits.maximumConnections }

  /// Changes the limits on connections; open ones stay.
  package func setConnectionLimits(total: Int, perUID: Int, proxyUID: UInt32? = nil) {
    limits.maximumConnections = total
    limits.maximumConnectionsPerUID = perUID
    limits.proxyUID = proxyUID
  }

  /// Accepts connections from another listener from now on; open ones stay.
  package func listen(by new: any ConnectionListener) throws {
    let old = listener
    acceptor.listener = new
    guard watchListener(CInt(EPOLL_CTL_ADD), EPOLLIN.rawValue) else {
      let number = errno
      acceptor.listener = old
      throw ListenError.call("epoll_ctl", number)
    }
    old.close()
  }

  /// Closes the listener and every connection at once; the handler isn't notified.
  package func stop() {
    guard epoll >= 0 else { return }
    source = nil
    drainTimer = nil
    expiry?.disarm()
    resumption?.cancel()
    for connection in connections where connection.phase != .free { release(connection) }
    acceptor?.stop()
    close(epoll)
    epoll = -1
  }

  func watchListener(_ operation: CInt, _ events: UInt32) -> Bool {
    var event = epoll_event(events: events, data: epoll_data_t(u64: HTTPServer.listenerTag))
    return epoll_ctl(epoll, operation, listener.descriptor, &event) == 0
  }

  private func dispatch() {
    beginTurn()
    if isShared { return goRound() }
    acceptsLeft = max(HTTPServer.batch, acceptShare)
    var eventsLeft = eventsPerTurn
    var handled = 0
    repeat {
      let count = fetch(atMost: eventsLeft)
      if epoll < 0 { return }
      handled += count
      eventsLeft -= count
      // A busy socket has more events by now, and asking epoll again is cheaper than another turn of the loop.
      if count <= 3 { break }
    } while eventsLeft > 0 && !isTurnOver
    // All fetched events are handled, so a turn that took long is followed by one that fetches fewer: fetched connections go to the
    // end of the kernel's list, so each has a turn.
    eventsPerTurn = isTurnOver ? max(1, handled / 2) : min(HTTPServer.batch, eventsPerTurn * 2)
    armExpiry()
  }

  /// Handles ready connections and returns how many there were; 0 also after a signal, since the descriptor is reported again.
  private func fetch(atMost most: Int) -> Int {
    let count = max(0, Int(epoll_wait(epoll, events.baseAddress, CInt(most), 0)))
    // All ready events were fetched, including the listener's.
    if count < most { requestsAtAccept = statistics.requests }
    for index in 0..<count {
      handle(events[index])
      if epoll >= 0 { acceptIfDue() }
      if epoll < 0 { return count }
    }
    return count
  }

  /// A new client may be another user's, and shouldn't wait behind everything that is ready.
  private func acceptIfDue() {
    if statistics.requests &- requestsAtAccept >= UInt64(HTTPServer.requestsPerLook) { acceptBatch() }
  }

  /// Whether clients of several users are connected.
  private var isShared: Bool { openByUID.count > 1 }

  /// A turn in rounds, with a share for each user in each.
  private func goRound() {
    var count = 0
    isInRound = true
    defer { isInRound = false }
    repeat {
      served.removeAll(keepingCapacity: true)
      acceptsLeft = acceptShare
      if acceptShare > HTTPServer.requestsPerVisit { acceptBatch() }
      if epoll < 0 { return }
      count = fetch(atMost: HTTPServer.batch)
      if epoll >= 0 { resumeShares() }
      if epoll < 0 { return }
    } while (count > 3 || !queue.isEmpty) && !isTurnOver
    served.removeAll(keepingCapacity: true)
    if !queue.isEmpty { resumption.schedule() }
    armExpiry()
  }

  /// Lets waiting connections have the rest of their user's share in this round. One continues however late it is, so that new
  /// connections can't keep the waiting ones from their turn.
  private func resumeShares() {
    for place in 0..<queue.userCount where place == 0 || !isTurnOver {
      guard let uid = queue.nextUser() else { return }
      repeat {
        guard let turn = queue.take(of: uid) else { break }
        let answered = statistics.requests
        resume(turn)
        if epoll < 0 { return }
        // Counted even without an answer, so that connections with nothing to answer don't keep the round going.
        if statistics.requests == answered { noteServed(uid) }
      } while !isTurnOver && !hasHadShare(uid)
    }
  }

  /// Whether the user has to wait for the next round. Whether a user is alone is decided at the beginning of a round.
  func hasHadShare(_ uid: UInt32) -> Bool { isInRound && served[uid, default: 0] >= HTTPServer.share }

  /// Whether a ready connection of the user comes after others of the same user.
  func hasToQueue(_ uid: UInt32) -> Bool { isInRound && (hasHadShare(uid) || queue.hasLine(of: uid)) }

  func noteServed(_ uid: UInt32) { if isInRound { served[uid, default: 0] += 1 } }

  private func beginTurn() {
    now = loop.now
    turnEnd = EventLoop.bootTime() + turnTime
  }

  /// Accepts all clients in the listener's queue, however long that takes; the kernel limits their number.
  func acceptQueue() {
    turnEnd = .max
    acceptsLeft = Int(SOMAXCONN)
    acceptBatch()
  }

  /// Whether the loop's other sources have waited long enough, however few requests were served.
  var isTurnOver: Bool { EventLoop.bootTime() >= turnEnd }

  private func handle(_ event: epoll_event) {
    let tag = event.data.u64
    if tag == HTTPServer.listenerTag { return acceptBatch(isSure: true) }
    let connection = connections[Int(truncatingIfNeeded: tag & 0xFFFF_FFFF)]
    if connection.tag == tag { visit(connection, event.events) }
  }

  /// Arms the timer if the earliest deadline is before its present one; later deadlines are noticed when it fires.
  private func armExpiry() {
    guard let earliest = deadlines.earliest else { return }
    if let armed = expiry.deadline, armed <= earliest { return }
    expiry.arm(at: earliest)
  }

  private func expire() {
    now = loop.now
    for _ in 0..<HTTPServer.batch {
      guard let (slot, kind) = deadlines.takeExpired(at: now) else { break }
      expired(connections[slot], kind)
    }
    if epoll >= 0 { armExpiry() }
  }

  /// Lets `connection` continue with its input after the other sources have had their turn.
  func enqueue(_ connection: Connection) {
    if connection.isQueued { return }
    connection.isQueued = true
    let turn = TurnQueue.Turn(slot: Int(connection.slot), generation: connection.generation)
    queue.append(turn, of: connection.peer.uid)
    resumption.schedule()
  }

  private func resumeQueued() {
    beginTurn()
    if isShared { return goRound() }
    acceptsLeft = max(HTTPServer.batch, acceptShare)
    for _ in 0..<HTTPServer.batch where !isTurnOver {
      guard let uid = queue.nextUser(), let turn = queue.take(of: uid) else { break }
      resume(turn)
      if epoll >= 0 { acceptIfDue() }
      if epoll < 0 { return }
    }
    if !queue.isEmpty { resumption.schedule() }
    armExpiry()
  }

  private func resume(_ turn: TurnQueue.Turn) {
    let connection = connections[turn.slot]
    guard connection.isQueued, connection.generation == turn.generation else { return }
    connection.isQueued = false
    resume(connection)
  }

  /// For calls from outside a dispatch: sets the time first, and the timer afterwards.
  func outsideDispatch(_ body: () -> Void) {
    now = loop.now
    body()
    if epoll >= 0 { armExpiry() }
  }
}
