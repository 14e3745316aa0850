import Synchronization

/// What OSS was asked and what became of it: the latest calls, one by one.
package final class OSSCallLog: Sendable {
  package struct Entry: Sendable {
    /// When it was answered, or ended without an answer.
    package let time: WallTime
    /// As in `OSSOperation`; empty for an unknown one.
    package let operation: String
    package var object = ObjectName(bucket: "", key: "")
    package var part: Int? = nil
    package var uploadID: String? = nil
    /// As claimed by the request; empty when it claims none.
    package var keyID = ""
    /// How much of the body was read, in bytes.
    package var size = 0
    /// Of the answer; 0 when there was none.
    package var status = 0
    /// `OK`, an error code, `lost` for an answer that wasn't sent, `broken off` when the client's or a fault's end came
    /// before the body's, or another fault that stood in for the answer.
    package var result: String
  }

  private static let remembered = 10_000

  private let entries = Mutex<[Entry]>([])

  /// At most 10,000, the oldest first.
  package var recent: [Entry] { entries.withLock { $0 } }

  func note(_ entry: Entry) {
    entries.withLock { entries in
      entries.append(entry)
      // Seldom, since all others move.
      if entries.count >= 2 * Self.remembered { entries.removeFirst(entries.count - Self.remembered) }
    }
  }

  func reset() { entries.withLock { $0 = [] } }
}
