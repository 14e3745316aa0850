import CLinux
import Glibc
import Synchronization
import Threads

/// Carries out orders one after another, where a disk may block: a thread, or in tests manual steps.
protocol DiskWorker: AnyObject {
  /// Readable when something has finished.
  var results: CInt { get }
  /// The path of the order under way, and since when in microseconds of the writer's clock; nil between orders.
  var begun: (path: String, since: Int64)? { get }

  func submit(_ job: Worker.Job) throws(FileOutputError)
  /// Cancels an order; false if it has been begun.
  func takeBack(_ id: UInt64) -> Bool
  /// The orders finished since the last call.
  func takeFinished() -> [Worker.Finished]
  /// No further order is begun.
  func end()
}

/// The thread that may block on a disk, and the two queues to and from it.
///
/// Only values are passed. The thread is detached and nobody ever waits for it: with a stuck disk it stays in the kernel, and the
/// daemon serves, and ends, without it.
final class Worker: DiskWorker, Sendable {
  struct Job: Sendable {
    let id: UInt64
    var target: any WritableTarget
    let order: WriteTarget.Order
  }

  struct Finished: Sendable {
    let id: UInt64
    let target: any WritableTarget
    let report: WriteTarget.Report
  }

  private struct State {
    /// In the order of their numbers; nil for jobs that have been taken or cancelled.
    private var jobs: [Job?] = []
    private var numbers: [UInt64] = []
    /// Jobs before this index have been taken.
    private var first = 0
    var finished: [Finished] = []
    /// The job that the thread is working on, its path, and since when in microseconds of `now`; nil between jobs.
    var begun: (path: String, since: Int64)?
    var isStarted = false
    var isOver = false

    mutating func append(_ job: Job) {
      jobs.append(job)
      numbers.append(job.id)
    }

    mutating func take() -> Job? {
      while first < jobs.count {
        let job = jobs[first]
        jobs[first] = nil
        first += 1
        if first * 2 > jobs.count {
          jobs.removeFirst(first)
          numbers.removeFirst(first)
          first = 0
        }
        if let job { return job }
      }
      return nil
    }

    /// The job is dropped at once, and with it the descriptors of its content, however long the disk takes for earlier ones. False
    /// if it has been begun.
    mutating func cancel(_ id: UInt64) -> Bool {
      var low = first
      var high = numbers.count
      while low < high {
        let middle = (low + high) / 2
        if numbers[middle] < id { low = middle + 1 } else { high = middle }
      }
      guard low < numbers.count, numbers[low] == id, jobs[low] != nil else { return false }
      jobs[low] = nil
      while jobs.count > first, jobs[jobs.count - 1] == nil {
        jobs.removeLast()
        numbers.removeLast()
      }
      return true
    }

    mutating func drop() {
      jobs = []
      numbers = []
      first = 0
    }
  }

  private let state = Mutex(State())
  private let wake: CInt
  let results: CInt
  private let now: @Sendable () -> Int64

  init(now: @escaping @Sendable () -> Int64) throws(FileOutputError) {
    self.now = now
    wake = clinux_eventfd(1)
    results = clinux_eventfd(0)
    if wake < 0 || results < 0 { throw .system(.handOver, path: "memory", errno: errno) }
  }

  deinit {
    close(wake)
    close(results)
  }

  /// Starts the thread with the first job.
  func submit(_ job: Job) throws(FileOutputError) {
    let isFirst = state.withLock { state in
      state.append(job)
      defer { state.isStarted = true }
      return !state.isStarted
    }
    if isFirst {
      let failure = startThread { self.run() }
      if failure != 0 {
        state.withLock { state in
          state.isStarted = false
          state.drop()
        }
        throw .system(.handOver, path: job.target.path, errno: failure)
      }
    }
    Self.count(wake)
  }

  func takeBack(_ id: UInt64) -> Bool { state.withLock { $0.cancel(id) } }

  var begun: (path: String, since: Int64)? { state.withLock { $0.begun } }

  func takeFinished() -> [Finished] {
    var count: UInt64 = 0
    read(results, &count, 8)
    return state.withLock { state in
      defer { state.finished = [] }
      return state.finished
    }
  }

  /// Lets the thread end after its present job.
  func end() {
    state.withLock { state in
      state.isOver = true
      state.drop()
    }
    Self.count(wake)
  }

  private func run() {
    while true {
      let (next, isOver) = state.withLock { state in
        let job = state.take()
        state.begun = job.map { ($0.target.path, now()) }
        return (job, state.isOver)
      }
      if isOver { return }
      guard var job = next else {
        var count: UInt64 = 0
        read(wake, &count, 8)
        continue
      }
      let report = job.target.report(job.order)
      let finished = Finished(id: job.id, target: job.target, report: report)
      state.withLock { state in
        state.begun = nil
        state.finished.append(finished)
      }
      Self.count(results)
    }
  }

  private static func count(_ counter: CInt) {
    var one: UInt64 = 1
    write(counter, &one, 8)
  }
}
