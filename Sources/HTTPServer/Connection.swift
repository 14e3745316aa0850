import Core
import LocalSockets
import Systemd

/// One client, in a slot that is reused after it has left.
///
///     reading ──head complete──▶ waiting ──answered──▶ reading        (closed instead when the client asked for that)
///        │                          └──beginStream──▶ streaming ──finish, lag──▶ closed
///        └──refused──▶ lingering ──client gone, time over──▶ closed
///
/// In any state output that the socket didn't take is pending; until it has been sent, nothing more is read.
final class Connection {
  enum Phase {
    case free
    case reading
    /// The handler has a request.
    case waiting
    case streaming
    /// Refused, and kept for a moment so that the client can read the reason: writing to a closed Unix socket would fail.
    case lingering
  }

  /// A piece of output: the bytes of `bytes` in `range`.
  struct Part {
    let bytes: any ResponseBytes
    var range: Range<Int>
  }

  let slot: UInt32
  /// Incremented when a client ends, so that an event fetched before is recognised as the earlier client's.
  var generation: UInt32 = 0
  var descriptor: CInt = -1
  var phase = Phase.free
  var peer = Peer(uid: 0, gid: 0, pid: 0, groups: [])
  /// The peer's process, once it has been found.
  var process: PeerProcess?
  /// The number of the last request for which it was looked up; 0 for none.
  var lookedUp: UInt64 = 0
  /// When it was accepted.
  private(set) var accepted = Timestamp(microseconds: 0)
  /// Whether it is one of the open connections that the limits count.
  var isCounted = false
  /// The events that epoll watches for; nil if the descriptor isn't registered yet.
  var interest: UInt32?
  /// Whether the socket may contain input that epoll won't report again.
  var mayHaveInput = false
  /// Whether epoll has reported that the client has shut down sending, or is gone.
  var hasEnded = false

  var scan = HeadScan()
  var input = InputBuffer()
  /// Whether it waits for its turn to have more of its input served.
  var isQueued = false

  /// The number of the request being answered.
  var serial: UInt64 = 0
  var isHeadOnly = false
  /// Whether the connection is closed after all output has been sent.
  var closesAfterOutput = false

  var output: ContiguousArray<Part> = []
  /// Whether it has sent a request yet.
  var hasAsked = false
  var latest = LatestHead()
  var outputSize = 0

  init(slot: UInt32) { self.slot = slot }

  /// Whether input that couldn't be served yet will be served later.
  var keepsInput: Bool { phase == .reading || phase == .waiting }

  var tag: UInt64 { UInt64(generation) << 32 | UInt64(slot) }
  var token: ResponseToken { ResponseToken(slot: slot, serial: serial) }

  func begin(_ descriptor: CInt, _ peer: Peer) {
    self.descriptor = descriptor
    self.peer = peer
    accepted = Timestamp(microseconds: EventLoop.bootTime())
    phase = .reading
    interest = nil
    (mayHaveInput, hasEnded) = (false, false)
    closesAfterOutput = false
  }

  /// Clears all state of this client; the caller closes its descriptor.
  func end() {
    phase = .free
    generation &+= 1
    descriptor = -1
    process = nil
    lookedUp = 0
    scan = HeadScan()
    if !input.isEmpty { input.clear() }
    if !output.isEmpty { output = [] }
    outputSize = 0
    serial = 0
    hasAsked = false
    latest.clear()
  }

  /// Adds a part to the output, without its first bytes that have been sent already; `sent` is reduced by those.
  func append(_ bytes: any ResponseBytes, _ range: Range<Int>, after sent: inout Int) {
    let skipped = min(sent, range.count)
    sent -= skipped
    if skipped == range.count { return }
    output.append(Part(bytes: bytes, range: range.dropFirst(skipped)))
    outputSize += range.count - skipped
  }

  /// Adds a whole part to the output.
  func append(_ bytes: any ResponseBytes) {
    var count = 0
    bytes.withBytes { count = $0.count }
    var none = 0
    append(bytes, 0..<count, after: &none)
  }

  /// Removes `count` bytes from the first part.
  func removeOutput(_ count: Int) {
    outputSize -= count
    output[0].range = output[0].range.dropFirst(count)
    if output[0].range.isEmpty { output.removeFirst() }
  }
}
