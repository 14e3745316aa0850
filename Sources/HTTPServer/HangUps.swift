import CLinux
import Glibc

/// The descriptors of the connections that a limit counts, by slot; finds those whose clients have left, all at once.
///
/// A Unix socket hangs up (POLLHUP) if its peer has closed it, or has shut down both directions. A client that has shut down only
/// sending still reads its answer, and doesn't count as gone (`unix_poll` in the kernel's net/unix/af_unix.c). A TCP socket can't tell
/// the two apart before it has sent something (POLLRDHUP, tcp(7)), so there both count as gone.
///
/// The check is one poll(2), some 25 ns per descriptor. It is done only if a connection would be refused otherwise, which takes
/// several times as long as checking the 64 connections that a user may have by default.
struct HangUps {
  enum Scope {
    /// Connections of this uid that count as open.
    case open(of: UInt32)
    /// All connections that count as open.
    case allOpen
    /// Refused connections that are kept until their clients have read the reason.
    case lingering
  }

  private enum State {
    case none, open, lingering
  }

  private struct Entry {
    var descriptor: CInt = -1
    var uid: UInt32 = 0
    var state = State.none
  }

  /// Whether a client that has shut down sending counts as gone.
  var countsHalfClosed = false
  private var entries: ContiguousArray<Entry> = []
  /// Kept from one call to the next, since a user over a limit may be over it repeatedly.
  private var questions: ContiguousArray<pollfd> = []
  private var asked: ContiguousArray<Int> = []

  /// Adds a slot.
  mutating func addSlot() { entries.append(Entry()) }

  mutating func setOpen(_ slot: Int, _ descriptor: CInt, of uid: UInt32) {
    entries[slot] = Entry(descriptor: descriptor, uid: uid, state: .open)
  }

  mutating func setLingering(_ slot: Int, _ descriptor: CInt) {
    entries[slot] = Entry(descriptor: descriptor, state: .lingering)
  }

  mutating func clear(_ slot: Int) { entries[slot].state = .none }

  /// The slots in `scope` whose clients have left.
  mutating func slots(_ scope: Scope) -> [Int] {
    questions.removeAll(keepingCapacity: true)
    asked.removeAll(keepingCapacity: true)
    let signs = CInt(POLLHUP | POLLERR) | (countsHalfClosed ? CInt(EPOLLRDHUP.rawValue) : 0)
    for slot in entries.indices where Self.holds(scope, entries[slot]) {
      questions.append(pollfd(fd: entries[slot].descriptor, events: Int16(signs), revents: 0))
      asked.append(slot)
    }
    let count = questions.withUnsafeMutableBufferPointer { poll($0.baseAddress, nfds_t($0.count), 0) }
    guard count > 0 else { return [] }
    return asked.indices.filter { questions[$0].revents & Int16(signs) != 0 }.map { asked[$0] }
  }

  private static func holds(_ scope: Scope, _ entry: Entry) -> Bool {
    switch scope {
    case .open(let uid): entry.state == .open && entry.uid == uid
    case .allOpen: entry.state == .open
    case .lingering: entry.state == .lingering
    }
  }
}
