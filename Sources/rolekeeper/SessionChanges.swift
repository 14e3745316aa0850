import Wire

/// Which events of a role mean another session than before: rotations, and what the first line of a stream shows of those that were
/// missed. Generations don't tell: they may skip numbers.
struct SessionChanges {
  /// The AccessKeyId of the latest session; nil before the first.
  private(set) var latest: String?

  init(after latest: String? = nil) { self.latest = latest }

  /// Whether `event` shows a session that wasn't seen yet.
  mutating func isNew(_ event: RoleEvent) -> Bool {
    guard let id = event.accessKeyID, id != latest else { return false }
    latest = id
    return true
  }
}

/// Runs of a command for sessions, one at a time: those that come during a run lead to one more run afterwards, for the latest.
struct RunQueue {
  private(set) var isRunning = false
  private var next: RoleEvent?

  /// A session has come; returns it if a run has to be started.
  mutating func add(_ session: RoleEvent) -> RoleEvent? {
    guard !isRunning else {
      next = session
      return nil
    }
    isRunning = true
    return session
  }

  /// The run has ended; returns the session for the next one, which has to be started.
  mutating func runEnded() -> RoleEvent? {
    defer { next = nil }
    isRunning = next != nil
    return next
  }
}
