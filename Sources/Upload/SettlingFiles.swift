package import Core

/// Finds the files of a watched directory that nobody is writing to any more: their size, time and inode have been the same for a while, and so
/// have those of their sidecars.
///
/// It is shown what is there, again and again, and gives out each file once, and again when it has become another. One that can't be read is
/// given out as such, and as a file once it can be. It keeps 24 bytes of each
/// file, and of one that hasn't settled what an `InputList` has of it.
package struct SettlingFiles: Sendable {
  fileprivate struct Sight {
    /// Of the path.
    let key: Int
    /// Of what it is: a file's identity, or why it isn't taken. Half of a hash: a change goes unseen once in 4·10⁹ times.
    let content: UInt32
    let sidecarMark: Int32
    /// Since when it has been that, in µs; `givenOut` once it was, `reported` while it is known to be unreadable.
    var since: Int64

    static let givenOut = Int64.max
    static let reported = Int64.max - 1
  }

  package let settle: Duration
  /// By ascending key.
  private var sights: [Sight] = []

  package init(settle: Duration) { self.settle = settle }

  /// When the next file is ready if nothing happens to it; nil when none is waited for.
  package private(set) var nextDeadline: Timestamp?

  /// The files that haven't settled.
  package private(set) var waiting = InputList()

  /// What of `list` is ready, in its order: files that have settled, and at once what is new among the skipped and failed. With
  /// `isPartial` what isn't in it may be there all the same.
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

  /// `new` with those of `old` that aren't among them.
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
  /// Whether it is what it was. What was given out stays so, whatever becomes of its sidecar.
  fileprivate func isStill(_ now: Self) -> Bool {
    content == now.content && (since == Self.givenOut || sidecarMark == now.sidecarMark)
  }
}

extension InputEntry {
  package var isFile: Bool {
    if case .file = content { true } else { false }
  }
}
