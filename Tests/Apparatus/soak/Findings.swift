import Laboratory
import Synchronization

/// What all readers found, together.
final class Findings: Sendable {
  /// A way to read, as the report counts it.
  enum Way: String, CaseIterable {
    case newConnection = "new connection"
    case keepAlive = "keep-alive"
    case file = "files"
    case reservation = "reservations"
    case event = "after an event"
  }

  struct Count: Sendable {
    /// Credentials that STS took, by the way they were read.
    var used: [Way: Int] = [:]
    /// Nothing valid, with a reason, where none was promised.
    var refusedWithReason = 0
    /// Files that were away while nothing was valid.
    var absentFiles = 0
    /// Reservations that were put off with 429 or 503.
    var putOff = 0
    /// Connections that a restart ended or kept from coming about.
    var gaps = 0
    /// Good when read, but over before STS could be asked.
    var late = 0
    /// What must not be, by kind.
    var wrongs: [String: Int] = [:]
    /// The first of them, in words.
    var firstWrongs: [String] = []

    var reads: Int { used.values.reduce(0, +) }
    var wrongTotal: Int { wrongs.values.reduce(0, +) }
  }

  private static let mostPrinted = 20

  private let state = Mutex(Count())

  var count: Count { state.withLock { $0 } }

  func note(_ change: (inout Count) -> Void) { state.withLock { change(&$0) } }

  func wrong(_ kind: String, _ words: String) {
    let text = "\(kind): \(words)"
    let isFresh = state.withLock { count in
      count.wrongs[kind, default: 0] += 1
      guard count.firstWrongs.count < Self.mostPrinted else { return false }
      count.firstWrongs.append(text)
      return true
    }
    if isFresh { Console.print("soak: WRONG \(text)") }
  }
}
