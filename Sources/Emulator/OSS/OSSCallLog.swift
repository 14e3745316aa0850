import Synchronization

/// The latest calls to OSS, one by one, with their results.
package final class OSSCallLog: Sendable {
  package struct Entry: Sendable {
    /// When it was answered, or ended without an answer.
    package let time: WallTime
    /// As in `OSSOperation`; empty for an unknown one.
    package let operation: String
    package var object = ObjectName(bucket: "", key: "")
    package var part: Int? = nil
    package var uploadID: String? = nil
    /// As the request claims; empty if it claims none.
    package var keyID = ""
    /// How much of the body was read, in bytes.
    package var size = 0
    /// The answer's; 0 if there was none.
    package var status = 0
    /// `OK`, an error code, `lost` for an answer that wasn't sent, `broken off` if the client or a fault ended the connection
    /// before the body's end, or another fault that replaced the answer.
    package var result: String
  }

  private static let remembered = 10_000

  private let entries = Mutex<[Entry]>([])

  /// At most 10,000, oldest first.
  package var recent: [Entry] { entries.withLock { $0 } }

  func note(_ entry: Entry) {
    entries.withLock { entries in
      entries.append(entry)
      // Not for each entry, since all others have to be moved.
      if entries.count >= 2 * Self.remembered { entries.removeFirst(entries.count - Self.remembered) }
    }
  }

  func reset() { entries.withLock { $0 = [] } }
}
