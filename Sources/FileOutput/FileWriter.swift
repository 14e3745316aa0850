import Systemd

/// Writes outputs without ever making the loop wait for a disk.
///
/// What lies in memory (tmpfs) is written at once; what lies on a disk by one worker thread, which is started for the first of these.
/// The owner watches `descriptor` on its loop and calls `drain` when it is readable.
package final class FileWriter {
  private let worker: any DiskWorker
  private var waiting: [UInt64: WriteQueue] = [:]
  private var lastID: UInt64 = 0
  let disk: any OutputDisk

  /// In microseconds; how long an order has been on its way is measured by it.
  package let now: () -> Int64

  /// On the host's file systems, by a thread of its own, which reads the time itself.
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
    // A completion may hold the very outputs that hold it, until it has been called.
    for lane in waiting.values { lane.forgetCompletions() }
  }

  /// Readable when results of the worker are there; open as long as this object is.
  package var descriptor: CInt { worker.results }

  /// When the oldest of the orders was given that are on their way to a disk, in microseconds of `now`; nil when none is.
  package var pendingSince: Int64? { waiting.values.lazy.compactMap(\.pendingSince).min() }

  /// The path of the one order that a disk has begun, and since when in microseconds of `now`; the others wait for that. Nil when none is.
  package var begun: (path: String, since: Int64)? { worker.begun }

  /// Whether nothing is on its way to a disk.
  package var isIdle: Bool { waiting.isEmpty }

  /// Calls the completions of all that has finished. Doesn't block.
  package func drain() {
    for finished in worker.takeFinished() {
      waiting.removeValue(forKey: finished.id)?.finish(finished.unit, finished.report)
    }
  }

  /// Returns the order's number.
  func submit(_ unit: any WritableTarget, _ order: WriteTarget.Order, for lane: WriteQueue)
    throws(FileOutputError) -> UInt64
  {
    lastID += 1
    try worker.submit(Worker.Job(id: lastID, unit: unit, order: order))
    waiting[lastID] = lane
    return lastID
  }

  /// As `submit`, for an order whose outcome nobody waits for.
  func submitUnwatched(_ unit: any WritableTarget, _ order: WriteTarget.Order) throws(FileOutputError) {
    lastID += 1
    try worker.submit(Worker.Job(id: lastID, unit: unit, order: order))
  }

  /// Takes back what the disk hasn't begun.
  func takeBack(_ id: UInt64) {
    if worker.takeBack(id) { waiting[id] = nil }
  }
}
