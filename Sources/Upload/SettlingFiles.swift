package import Core

/// Finds the files of a watched directory that are no longer being written: their size, time and inode, and those of
/// their sidecars, haven't changed for a while.
///
/// It is given lists of the directory repeatedly, and returns each file once, and again when it has changed. One that can't be read is
/// returned as such, and as a file once it can be. It keeps 24 bytes per file, and for files that haven't settled also what an
/// `InputList` has.
package struct SettlingFiles: Sendable {
  fileprivate struct Sight {
    /// A hash of the path.
    let key: Int
    /// A hash of the file's identity, or of why it is skipped. It has 32 bits, so one of 4·10⁹ changes goes undetected.
    let content: UInt32
    let sidecarMark: Int32
    /// Since when it has been unchanged, in µs; `givenOut` after it was returned, `reported` while it is known to be unreadable.
    var since: Int64

    static let givenOut = Int64.max
    static let reported = Int64.max - 1
  }

  package let settle: Duration
  /// By ascending key.
  private var sights: [Sight] = []

  package init(settle: Duration) { self.settle = settle }

  /// When the next file settles if nothing changes; nil if none is waiting.
  package private(set) var nextDeadline: Timestamp?

  /// The files that haven't settled.
  package private(set) var waiting = InputList()

  /// Returns the entries of `list` that are ready, in its order: files that have settled, and at once new entries that
  /// are skipped or failed. If `isPartial`, files that aren't in the list may exist anyway.
  package mutating func observe(_ list: InputList, at now: Timestamp, isPartial: Bool = false) -> InputList {
    var ready = InputList()
    var next: [Sight] = []
    next.reserveCapacity(list.count)
    nextDeadline = nil
    waiting = InputList()
    for (index, key) in list.pathHashes.enumerated() {
      var sight = Sight(
        key: key, content: UInt32(truncatingIfNeeded: list.contentHash(at: index)),
        sidecarMark: list.sidecarMark(at: index), since: now.microseconds)
      if let before = self.sight(of: key), before.isStill(sight) { sight.since = before.since }
      if list.isUnreadable(at: index) {
        // A file that was given out before needn't be read any more, or has failed already.
        if sight.since < Sight.reported {
          ready.append(index, of: list)
          sight.since = Sight.reported
        }
      } else if sight.since != Sight.givenOut {
        if sight.since == Sight.reported { sight.since = now.microseconds }
        let deadline = Timestamp(microseconds: sight.since) + (list.isRegularFile(at: index) ? settle : .zero)
        if deadline <= now {
          ready.append(index, of: list)
          sight.since = Sight.givenOut
        } else {
          nextDeadline = min(nextDeadline ?? deadline, deadline)
          waiting.append(index, of: list)
        }
      }
      next.append(sight)
    }
    next.sort { $0.key < $1.key }
    if isPartial { next = Self.merged(sights, into: next) }
    sights = next
    return ready
  }

  private func sight(of key: Int) -> Sight? {
    var low = 0
    var high = sights.count
    while low < high {
      let middle = (low + high) / 2
      if sights[middle].key < key { low = middle + 1 } else { high = middle }
    }
    return low < sights.count && sights[low].key == key ? sights[low] : nil
  }

  /// `new` together with those of `old` that it doesn't have.
  private static func merged(_ old: [Sight], into new: [Sight]) -> [Sight] {
    var merged: [Sight] = []
    merged.reserveCapacity(max(old.count, new.count))
    var rest = old[...]
    for sight in new {
      while let first = rest.first, first.key <= sight.key {
        if first.key < sight.key { merged.append(first) }
        rest.removeFirst()
      }
      merged.append(sight)
    }
    return merged + rest
  }
}

extension SettlingFiles.Sight {
  /// Whether nothing has changed. For a file that was returned, changes of its sidecar don't count.
  fileprivate func isStill(_ now: Self) -> Bool {
    content == now.content && (since == Self.givenOut || sidecarMark == now.sidecarMark)
  }
}

extension InputEntry {
  package var isFile: Bool {
    if case .file = content { true } else { false }
  }
}
