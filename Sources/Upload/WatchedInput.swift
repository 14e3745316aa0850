import Core
package import Systemd

/// Follows what the arguments point at, for `--watch`: files are given out as they appear and have settled.
///
/// Everything is listed again after a change, when a file may have settled, and now and then besides, for a change may go unseen: on a network
/// file system, with a full queue, without watches left. The list is made beside the loop; between two there is a second at least, and
/// ten times as long as one takes.
package final class WatchedInput {
  /// Reports changes in directories.
  package protocol Watches: AnyObject {
    var onChange: (() -> Void)? { get set }

    /// Watches these and no others. True when one of them wasn't watched before: what happened in it meanwhile went unseen.
    func follow(_ directories: [String]) -> Bool
  }

  static let usualInterval = Duration.seconds(60)
  static let leastInterval = Duration.seconds(1)

  private let list: @Sendable () -> InputList
  private let watches: any Watches
  private let scheduler: any Scheduler
  private let handler: ([InputEntry]) -> Void
  private var settling: SettlingFiles
  private var alarm: (any Alarm)?
  private var call: AnyObject?
  /// Whether something has changed since the list in the making was begun.
  private var hasChanged = false
  /// Before that no list is begun.
  private var notBefore: Timestamp

  /// `handler` is called from the loop, with at least one entry: files, and once each what is skipped or can't be read.
  package init(
    settle: Duration, watches: any Watches, on scheduler: any Scheduler, list: @escaping @Sendable () -> InputList,
    handler: @escaping ([InputEntry]) -> Void
  ) throws(LoopError) {
    self.list = list
    self.watches = watches
    self.scheduler = scheduler
    self.handler = handler
    settling = SettlingFiles(settle: settle)
    notBefore = scheduler.time
    alarm = try scheduler.timer(accuracy: 100_000) { [unowned self] in scan() }
    watches.onChange = { [weak self] in self?.changed() }
  }

  /// Lists for the first time.
  package func start() { scan() }

  private func changed() {
    hasChanged = true
    if call == nil { arm(at: notBefore) }
  }

  private func scan() {
    guard call == nil else { return }
    hasChanged = false
    let began = scheduler.time
    let list = self.list
    do throws(LoopError) {
      call = try scheduler.call({ list() }) { [unowned self] found in take(found, begun: began) }
    } catch {
      // No thread now: there will be one later.
      arm(at: began + Self.leastInterval)
    }
  }

  private func take(_ found: InputList, begun began: Timestamp) {
    call = nil
    let now = scheduler.time
    notBefore = now + max(Self.leastInterval, (now - began) * 10)
    let missed = watches.follow(found.directories.map(\.resolvedPath))
    // By the time before it was listed: what was seen may be that old.
    let ready = settling.observe(found, at: began)
    var next = now + Self.usualInterval
    if let deadline = settling.nextDeadline { next = min(next, deadline) }
    if hasChanged || missed { next = notBefore }
    arm(at: max(next, notBefore))
    if !ready.isEmpty { handler(ready) }
  }

  /// Unless it is armed for earlier.
  private func arm(at time: Timestamp) {
    if let armed = alarm?.deadline, armed <= time.microseconds { return }
    alarm?.arm(at: time.microseconds)
  }
}
