import Systemd

/// Writes outputs without ever making the loop wait for a disk.
///
/// Outputs in memory (tmpfs) are written at once, those on a disk by one worker thread, which is started for the first of them. The
/// owner watches `descriptor` on its loop and calls `drain` when it is readable.
package final class FileWriter {
  private let worker: any DiskWorker
  private var waiting: [UInt64: WriteQueue] = [:]
  private var lastID: UInt64 = 0
  let disk: any OutputDisk

  /// In microseconds; the clock for the age of orders.
  package let now: () -> Int64

  /// For the host's file systems, with a thread of its own, which reads the time itself.
  package convenience init() throws(FileOutputError) { try self.init(now: { EventLoop.bootTime() }) }

  convenience init(now: @escaping @Sendable () -> Int64) throws(FileOutputError) {
    self.init(now: now, worker: try Worker(now: now), disk: HostDisk())
  }

  init(now: @escaping () -> Int64, worker: any DiskWorker, disk: any OutputDisk) {
    self.now = now
    self.worker = worker
    self.disk = disk
  }

  deinit {
    worker.end()
    // A completion may hold the outputs that hold it, until it has been called.
    for queue in waiting.values { queue.forgetCompletions() }
  }

  /// Readable when the worker has results; open as long as this object exists.
  package var descriptor: CInt { worker.results }

  /// When the oldest order still on its way to a disk was given, in microseconds of `now`; nil if there is none.
  package var pendingSince: Int64? { waiting.values.lazy.compactMap(\.pendingSince).min() }

  /// The path of the one order that a disk has begun, and since when in microseconds of `now`; the others wait for it. Nil if there
  /// is none.
  package var begun: (path: String, since: Int64)? { worker.begun }

  /// Whether nothing is on its way to a disk.
  package var isIdle: Bool { waiting.isEmpty }

  /// Calls the completions of all finished orders. Doesn't block.
  package func drain() {
    for finished in worker.takeFinished() {
      waiting.removeValue(forKey: finished.id)?.finish(finished.target, finished.report)
    }
  }

  /// Returns the order's number.
  func submit(_ target: any WritableTarget, _ order: WriteTarget.Order, for queue: WriteQueue)
    throws(FileOutputError) -> UInt64
  {
    lastID += 1
    try worker.submit(Worker.Job(id: lastID, target: target, order: order))
    waiting[lastID] = queue
    return lastID
  }

  /// Like `submit`, for an order whose outcome nobody waits for.
  func submitUnwatched(_ target: any WritableTarget, _ order: WriteTarget.Order) throws(FileOutputError) {
    lastID += 1
    try worker.submit(Worker.Job(id: lastID, target: target, order: order))
  }

  /// Cancels an order that the disk hasn't begun.
  func takeBack(_ id: UInt64) {
    if worker.takeBack(id) { waiting[id] = nil }
  }
}
