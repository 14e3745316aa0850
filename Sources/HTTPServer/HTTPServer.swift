import CLinux
import Core
import Glibc
package import LocalSockets
package import Systemd

/// An HTTP/1.1 server for processes of this host: a Unix socket's listener and all its clients.
///
/// They share one epoll descriptor, which is one source of the loop: a source for each client makes every turn dearer
/// with their number. What one dispatch does is bounded, by number (64 events, 64 new connections, or up to 512 while they crowd, 8 requests each) and
/// by time (2 ms), so that the loop's other sources get their turn however busy the socket is. A request costs a recv and a send, and
/// no timer.
///
/// While clients of several users are connected, a turn goes in rounds: epoll is asked who is ready, and each user has at most
/// `share` requests answered before it is asked again. What is more waits in the queue, where the users take turns. So whoever
/// comes with one request waits for one share of each of the others, however many connections and requests these bring.
package final class HTTPServer {
  static let batch = 64
  static let requestsPerVisit = 8
  /// After how many requests the listener is asked whether somebody is there, if epoll hasn't been asked in between.
  static let requestsPerLook = 16
  /// How many connections are taken in at the most before those that are open have their turn; some 3 µs each.
  static let largestAcceptShare = 512
  /// How many requests of one user are answered before others are looked for, while several are connected; some 3 µs each.
  static let share = 4
  /// How many bytes of a long answer are sent before others have their turn: a socket whose reader is as fast takes all that there is.
  static let largestSend = 256 * 1024
  static let scratchSize = 16384
  /// Answers up to this size are put together and sent as one piece: send(2) of one takes a tenth less than sendmsg(2) of two.
  static let largestJoined = 2048
  static let listenerTag = UInt64.max
  /// How much later than its time an idle connection may be closed, in µs; the timer may be as late.
  static let idleStep: Int64 = 100_000

  let loop: EventLoop
  private(set) var acceptor: Acceptor!
  package var listener: UnixListener { acceptor.listener }
  private(set) var limits: ServerLimits
  /// The handler owns the server, or both have the same owner.
  unowned let handler: any RequestHandler

  /// Called with the errno when accepting pauses, since descriptors or memory have run out.
  package var acceptingPaused: ((CInt) -> Void)? {
    get { acceptor.paused }
    set { acceptor.paused = newValue }
  }
  package internal(set) var statistics = ServerStatistics()

  private(set) var epoll: CInt
  private var source: IOSource?
  private var expiry: TimerSource!
  private var resumption: DeferSource!
  /// What is called when the server has drained; nil when it isn't to.
  var drained: (() -> Void)?
  var drainTimer: TimerSource?

  var connections: ContiguousArray<Connection> = []
  var freeSlots: [UInt32] = []
  var openByUID: [UInt32: Int] = [:]
  var lingering = 0
  var hangUps = HangUps()
  var deadlines = DeadlineLists()
  /// The limits' spans in µs.
  let spans: (head: Int64, idle: Int64, drain: Int64, linger: Int64)

  private var queue = TurnQueue()
  /// Whether the turn goes in rounds, a share for each user in each.
  private var isInRound = false
  /// Requests of this round by user.
  private var served: [UInt32: Int] = [:]
  /// The count of requests when the listener was last asked.
  var requestsAtAccept: UInt64 = 0
  /// From somewhere else in each server, so that a token of one names nothing in another.
  var nextSerial = UInt64.random(in: 1...UInt64.max >> 1)
  /// How many more connections this dispatch takes in.
  var acceptsLeft = 0
  /// How many a round takes in: twice as many each time the listener's queue isn't emptied by that. It is one queue for everybody, and
  /// when it is full, connecting fails (EAGAIN) or waits.
  var acceptShare = HTTPServer.requestsPerVisit
  /// Those taken in since the listener's queue was last empty.
  var crowd = Crowd()
  /// How long the requests of one turn may take, in µs, beyond the one that is being answered.
  var turnTime: Int64 = 2000
  private var turnEnd: Int64 = 0
  private var eventsPerTurn = HTTPServer.batch
  /// The loop's time in this dispatch.
  private(set) var now: Int64 = 0

  private let events = UnsafeMutableBufferPointer<epoll_event>.allocate(capacity: HTTPServer.batch)
  let scratch = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: HTTPServer.scratchSize)
  /// Where an answer is put together, wiped after each.
  let joined = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: HTTPServer.largestJoined)

  /// Serves from the next turn of `loop` on, until `stop` or its release. Neither retains `handler`.
  package init(
    _ loop: EventLoop, listener: UnixListener, limits: ServerLimits = ServerLimits(), handler: any RequestHandler
  ) throws {
    self.loop = loop
    self.limits = limits
    self.handler = handler
    precondition(limits.headSize <= HTTPServer.scratchSize, "a head fits into the scratch buffer")
    let micro = Duration.microseconds(1)
    spans = (
      Int64(limits.headTime / micro), Int64(limits.idleTime / micro), Int64(limits.drainTime / micro),
      Int64(limits.lingerTime / micro)
    )
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

  /// Changes how many connections there may be; those that are open stay.
  package func setConnectionLimits(total: Int, perUID: Int) {
    limits.maximumConnections = total
    limits.maximumConnectionsPerUID = perUID
  }

  /// Takes connections by another listener from now on; those that are open stay.
  package func listen(by new: UnixListener) throws {
    let old = listener
    acceptor.listener = new
    guard watchListener(CInt(EPOLL_CTL_ADD), EPOLLIN.rawValue) else {
      let number = errno
      acceptor.listener = old
      throw ListenError.call("epoll_ctl", number)
    }
    old.close()
  }

  /// Closes the listener and every connection at once; nobody is told that it was abandoned.
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
      // A busy socket has more by now, and asking it is cheaper than another turn of the loop.
      if count <= 3 { break }
    } while eventsLeft > 0 && !isTurnOver
    // All that was fetched is handled, so a turn that took long is followed by one that fetches less: what is fetched goes to the
    // end of the kernel's list, and everybody has a turn.
    eventsPerTurn = isTurnOver ? max(1, handled / 2) : min(HTTPServer.batch, eventsPerTurn * 2)
    armExpiry()
  }

  /// Handles what is ready, and returns how much it was; 0 too when a signal came in between: the descriptor tells again.
  private func fetch(atMost most: Int) -> Int {
    let count = max(0, Int(epoll_wait(epoll, events.baseAddress, CInt(most), 0)))
    // All that was ready was fetched, and with it the listener.
    if count < most { requestsAtAccept = statistics.requests }
    for index in 0..<count {
      handle(events[index])
      if epoll >= 0 { acceptIfDue() }
      if epoll < 0 { return count }
    }
    return count
  }

  /// Who is new may be of another user, and doesn't wait behind everything that is ready.
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

  /// Lets the connections that wait have what is left of their user's share in this round. One goes on however late it is, so that
  /// what waits isn't kept from its turn by what is new.
  private func resumeShares() {
    for place in 0..<queue.userCount where place == 0 || !isTurnOver {
      guard let uid = queue.nextUser() else { return }
      repeat {
        guard let turn = queue.take(of: uid) else { break }
        let answered = statistics.requests
        resume(turn)
        if epoll < 0 { return }
        // So that those which have nothing to be answered come to an end, too.
        if statistics.requests == answered { noteServed(uid) }
      } while !isTurnOver && !hasHadShare(uid)
    }
  }

  /// Whether the user has to wait for the next round. Who was alone when it began goes on as such, and who is left alone doesn't.
  func hasHadShare(_ uid: UInt32) -> Bool { isInRound && served[uid, default: 0] >= HTTPServer.share }

  /// Whether a connection of the user's that is ready comes after others of the same user.
  func hasToQueue(_ uid: UInt32) -> Bool { isInRound && (hasHadShare(uid) || queue.hasLine(of: uid)) }

  func noteServed(_ uid: UInt32) { if isInRound { served[uid, default: 0] += 1 } }

  private func beginTurn() {
    now = loop.now
    turnEnd = EventLoop.bootTime() + turnTime
  }

  /// Takes in all who wait to be accepted, however long that takes; as many as the kernel lets wait.
  func acceptQueue() {
    turnEnd = .max
    acceptsLeft = Int(SOMAXCONN)
    acceptBatch()
  }

  /// Whether the loop's other sources have waited long enough, however few requests it was.
  var isTurnOver: Bool { EventLoop.bootTime() >= turnEnd }

  private func handle(_ event: epoll_event) {
    let tag = event.data.u64
    if tag == HTTPServer.listenerTag { return acceptBatch(isSure: true) }
    let connection = connections[Int(truncatingIfNeeded: tag & 0xFFFF_FFFF)]
    if connection.tag == tag { visit(connection, event.events) }
  }

  /// Arms the timer if the earliest deadline comes before it would fire; a later one is seen when it does.
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

  /// Lets `connection` go on with its input after the other sources had their turn.
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

  /// For calls from outside a dispatch: the time, and the timer afterwards.
  func outsideDispatch(_ body: () -> Void) {
    now = loop.now
    body()
    if epoll >= 0 { armExpiry() }
  }
}
