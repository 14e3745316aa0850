package import Core

/// Finds the files of a watched directory that nobody is writing to any more: their size, time and inode have been the same for a while.
///
/// It is shown what is there, again and again, and gives out each file once, and again when it has become another.
package struct SettlingFiles: Sendable {
  private struct Sight {
    /// A hash of what it is: the identity of a file, or why it isn't taken.
    var fingerprint: Int
    /// Since when it has been that, in µs; nil when it was given out.
    var since: Int64?
  }

  package let settle: Duration
  /// By a hash of the path.
  private var sights: [Int: Sight] = [:]

  package init(settle: Duration) { self.settle = settle }

  /// When the next file is ready if nothing happens to it; nil when none is waited for.
  package private(set) var nextDeadline: Timestamp?

  /// The files that haven't settled.
  package private(set) var waiting: [InputEntry] = []

  /// What of `list` is ready, in its order: files that have settled, and at once what is new among the skipped and failed. With
  /// `isPartial` what isn't in it may be there all the same.
  package mutating func observe(_ list: InputList, at now: Timestamp, isPartial: Bool = false) -> [InputEntry] {
    var ready: [InputEntry] = []
    var next: [Int: Sight] = [:]
    next.reserveCapacity(list.count)
    nextDeadline = nil
    waiting = []
    for entry in list {
      let key = JournalState.hash(of: entry.path)
      let fingerprint = Self.fingerprint(of: entry)
      var sight =
        sights[key].flatMap { $0.fingerprint == fingerprint ? $0 : nil }
        ?? Sight(fingerprint: fingerprint, since: now.microseconds)
      if let since = sight.since {
        let deadline = Timestamp(microseconds: since) + (entry.isFile ? settle : .zero)
        if deadline <= now {
          ready.append(entry)
          sight.since = nil
        } else {
          nextDeadline = min(nextDeadline ?? deadline, deadline)
          waiting.append(entry)
        }
      }
      next[key] = sight
    }
    sights = isPartial ? sights.merging(next) { $1 } : next
    return ready
  }

  private static func fingerprint(of entry: InputEntry) -> Int {
    var hasher = Hasher()
    switch entry.content {
    case .file(let file): hasher.combine(file.identity)
    case .skipped(let reason): hasher.combine(reason)
    case .failed(let problem): hasher.combine(problem)
    }
    return hasher.finalize()
  }
}

extension InputEntry {
  package var isFile: Bool {
    if case .file = content { true } else { false }
  }
}
