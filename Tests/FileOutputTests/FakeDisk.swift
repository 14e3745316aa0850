import Core
import Glibc
import Secrets
import Synchronization

@testable import FileOutput

/// Simulated file systems: a written file is an entry in a table, and any order can be made to fail.
final class FakeDisk: OutputDisk, Sendable {
  /// The content at the path of a role's directory, or of a file elsewhere.
  struct Content: Equatable {
    var generation: UInt64?
    var end: Int
    var versions: [UInt64] = []
    /// The previous snapshot, and when it ends.
    var previous: (generation: UInt64?, end: Int)?
    var hasRecord = true
    var isOurs = true

    static func == (one: Content, other: Content) -> Bool {
      one.generation == other.generation && one.end == other.end
        && one.previous?.generation == other.previous?.generation
    }
  }

  fileprivate struct State {
    var contents: [String: Content] = [:]
    var failures: [String: FileOutputError] = [:]
    var removalFailures: [String: FileOutputError] = [:]
    var drifts: [String: [OutputDrift]] = [:]
    var fixes: [String: [AccessFix]] = [:]
    var sealFailure: FileOutputError?
    var orders: [String] = []
  }

  fileprivate let state = Mutex(State())

  subscript(path: String) -> Content? {
    get { state.withLock { $0.contents[path] } }
    set { state.withLock { $0.contents[path] = newValue } }
  }

  /// The orders so far, each as `write /app/c.json`.
  var orders: [String] { state.withLock { $0.orders } }

  func forgetOrders() { state.withLock { $0.orders = [] } }

  /// Makes writing fail from now on, and every other order that isn't a removal; nil ends that.
  func fail(_ path: String, _ error: FileOutputError? = .unusablePath("no")) {
    state.withLock { $0.failures[path] = error }
  }

  func failRemoval(_ path: String, _ error: FileOutputError? = .unusablePath("stays")) {
    state.withLock { $0.removalFailures[path] = error }
  }

  /// Makes handing over content fail.
  func failSeal(_ error: FileOutputError?) { state.withLock { $0.sealFailure = error } }

  /// Makes the next verification find that somebody changed something.
  func drift(_ path: String, _ found: String) {
    state.withLock { $0.drifts[path, default: []].append(OutputDrift(path: path, found: found)) }
  }

  func fix(_ path: String, isRemoved: Bool) {
    state.withLock {
      $0.fixes[path] = [AccessFix(path: path, found: "mode 0440", isRemoved: isRemoved)]
    }
  }

  // MARK: - OutputDisk

  func directory(
    of role: String, in parent: String, _ outputs: [(name: OutputName, file: OutputFile)]
  )
    -> any WritableTarget
  {
    Unit(
      disk: self, path: "\(parent)/\(role)", directoryPath: "\(parent)/\(role)", keepsPrevious: true
    )
  }

  func file(_ path: OutputPath, _ output: OutputFile) -> any WritableTarget {
    Unit(disk: self, path: "\(path)", directoryPath: path.directory, keepsPrevious: false)
  }

  func seal(_ content: Secret, version: UInt64) throws(FileOutputError) -> SealedContent {
    if let failure = state.withLock({ $0.sealFailure }) { throw failure }
    return try SealedContent(content, version: version)
  }

  func removeFormerDirectories(
    in directory: String, keeping roles: Set<String>, endedBy end: (String) -> Int?
  )
    throws(FileOutputError) -> FormerDirectoryRemoval
  {
    if let failure = state.withLock({ $0.failures[directory] }) { throw failure }
    var result = FormerDirectoryRemoval()
    for path in state.withLock({
      $0.contents.keys.filter { $0.hasPrefix("\(directory)/") }.sorted()
    }) {
      let name = String(path.dropFirst(directory.utf8.count + 1))
      guard !name.contains("/"), !roles.contains(name), let content = self[path] else { continue }
      if let failure = state.withLock({ $0.removalFailures[path] }) {
        result.failure = failure
        continue
      }
      if let end = end(name) {
        if !content.hasRecord { result.presumed.append(PresumedEnd(path: path, end: content.end)) }
        if content.end > end {
          result.left.append(name)
          continue
        }
      }
      self[path] = nil
      result.removed.append(name)
    }
    return result
  }

  func snapshotNumber(of role: String, in directory: String) -> UInt64? {
    self["\(directory)/\(role)"]?.generation
  }

  private struct Unit: WritableTarget {
    let disk: FakeDisk
    let path: String
    let directoryPath: String
    /// As a role's directory keeps it.
    let keepsPrevious: Bool

    mutating func report(_ order: WriteTarget.Order) -> WriteTarget.Report {
      disk.state.withLock { $0.report(order, at: path, keepsPrevious: keepsPrevious) }
    }
  }
}

extension FakeDisk.State {
  fileprivate mutating func report(_ order: WriteTarget.Order, at path: String, keepsPrevious: Bool)
    -> WriteTarget.Report
  {
    orders.append("\(order.name) \(path)")
    let found = drifts.removeValue(forKey: path) ?? []
    if let failure = order.isRemoval ? removalFailures[path] : failures[path] {
      return failed(failure, path, found)
    }
    let before = contents[path]
    switch order {
    case .verify(let versions, let end, let now):
      if let previous = before?.previous, previous.end <= now { contents[path]?.previous = nil }
      let isCurrent = before?.versions == versions && before?.end == end && found.isEmpty
      return done(!isCurrent, path, found)
    case .write(let sealed, let end, let generation):
      let previous = keepsPrevious ? before.map { ($0.generation, $0.end) } : nil
      contents[path] = FakeDisk.Content(
        generation: generation, end: end, versions: sealed.map(\.version), previous: previous)
      return done(true, path, found)
    case .withdraw, .removeAll,
      .removeFormer(nil) where before?.isOurs != false:
      contents[path] = nil
      if case .removeFormer = order { return done(before != nil, path, found) }
      return done(true, path, found)
    case .removeFormer(let time):
      guard let before else { return done(false, path, found) }
      guard before.isOurs else {
        return failed(.notOurs(path: path, found: "another file"), path, found)
      }
      if let time, before.end > time {
        return failed(.notEnded(path: path, end: before.end), path, found)
      }
      contents[path] = nil
      return done(true, path, found)
    case .withdrawEnded(let time):
      let isEnded = before.map { $0.end <= time } ?? false
      if isEnded { contents[path] = nil }
      let presumed = before.flatMap { $0.hasRecord ? nil : PresumedEnd(path: path, end: $0.end) }
      return WriteTarget.Report(
        result: .success(isEnded), drifts: found, content: content(path), presumedEnd: presumed,
        fixes: fixes.removeValue(forKey: path) ?? [])
    }
  }

  private func content(_ path: String) -> OutputContent {
    contents[path].map { $0.isOurs ? .present(generation: $0.generation, end: $0.end) : .unknown }
      ?? .absent
  }

  private func done(_ isChanged: Bool, _ path: String, _ drifts: [OutputDrift]) -> WriteTarget.Report {
    WriteTarget.Report(result: .success(isChanged), drifts: drifts, content: nil)
  }

  private func failed(_ error: FileOutputError, _ path: String, _ drifts: [OutputDrift])
    -> WriteTarget.Report
  {
    WriteTarget.Report(result: .failure(error), drifts: drifts, content: content(path))
  }
}

extension WriteTarget.Order {
  fileprivate var name: String {
    switch self {
    case .verify: "verify"
    case .write: "write"
    case .withdraw: "withdraw"
    case .withdrawEnded: "withdrawEnded"
    case .removeAll: "remove"
    case .removeFormer: "removeFormer"
    }
  }
}

/// A disk that does nothing until a test lets it, order by order.
final class ManualWorker: DiskWorker {
  let results: CInt = -1
  private let now: () -> Int64
  private var jobs: [Worker.Job] = []
  private var current: Worker.Job?
  private var finished: [Worker.Finished] = []
  private(set) var begun: (path: String, since: Int64)?
  /// The error with which it refuses orders.
  var refusal: FileOutputError?

  init(now: @escaping () -> Int64) { self.now = now }

  func submit(_ job: Worker.Job) throws(FileOutputError) {
    if let refusal { throw refusal }
    jobs.append(job)
  }

  func takeBack(_ id: UInt64) -> Bool {
    guard let index = jobs.firstIndex(where: { $0.id == id }) else { return false }
    jobs.remove(at: index)
    return true
  }

  func takeFinished() -> [Worker.Finished] {
    defer { finished = [] }
    return finished
  }

  func end() { jobs = [] }

  /// Begins the next order, unless one is under way.
  func begin() {
    guard current == nil, !jobs.isEmpty else { return }
    current = jobs.removeFirst()
    begun = current.map { ($0.target.path, now()) }
  }

  /// Finishes the order under way, or the next one.
  func finishOne() {
    begin()
    guard var job = current else { return }
    let report = job.target.report(job.order)
    finished.append(Worker.Finished(id: job.id, target: job.target, report: report))
    (current, begun) = (nil, nil)
  }

  var isIdle: Bool { current == nil && jobs.isEmpty }
}
