import Secrets

/// The queue of one target's orders to the disk: one at a time, and of those that wait only the latest counts.
final class WriteQueue {
  typealias Completion = (OutputResult) -> Void

  private enum State {
    case idle(any WritableTarget)
    /// The target is with the worker.
    case busy(Operation, next: (order: WriteTarget.Order, completion: Completion)?)
  }

  private struct Operation {
    let id: UInt64
    /// When it was given, in microseconds of the writer's clock.
    let since: Int64
    let isRemoval: Bool
  }

  /// Nil only while the program ends, when the writer may be released before its queues.
  private weak var writer: FileWriter?
  /// The role's directory, or the path of the output elsewhere.
  let path: String
  private let isInMemory: Bool
  /// The target in its initial state, before any order.
  private let blank: any WritableTarget
  private var state: State
  private var completion: Completion?
  private var contents: [Secret] = []
  private var versions: [UInt64] = []
  private var lastVersion: UInt64 = 0
  /// What a verification has found and fixed, and hasn't been reported.
  private var foundDrifts: [OutputDrift] = []
  /// The versions that were last written, unless something has failed since.
  private var writtenVersions: [UInt64] = []

  init(_ writer: FileWriter, _ target: any WritableTarget, _ mounts: MountTable) {
    self.writer = writer
    path = target.path
    isInMemory = mounts.isInMemory(target.directoryPath)
    blank = target
    state = .idle(target)
  }

  /// If the content is the same as last written, it is copied for the worker only when a verification finds that it has to be
  /// written. `end` is when it expires and `now` the present time, in seconds since 1970; `generation` is the role's generation.
  func write(
    _ contents: [Secret], until end: Int, generation: UInt64? = nil, at now: Int, completion: @escaping Completion
  ) {
    number(contents)
    guard versions == writtenVersions else { return sealAndWrite(until: end, generation, completion) }
    give(.verify(versions, until: end, at: now)) { [weak self] result in
      guard let self, case .success(true) = result.outcome else { return completion(result) }
      // The verification itself fixes a directory's mode, so the write won't find it any more.
      foundDrifts += result.drifts
      // An order given meanwhile comes next, with the state that is right by then.
      if case .busy = state { return }
      sealAndWrite(until: end, generation, completion)
    }
  }

  private func sealAndWrite(until end: Int, _ generation: UInt64?, _ completion: @escaping Completion) {
    guard let disk = writer?.disk else { return }
    let versions = versions
    do throws(FileOutputError) {
      var sealed: [SealedContent] = []
      for (content, version) in zip(contents, versions) { sealed.append(try disk.seal(content, version: version)) }
      writtenVersions = []
      give(.write(sealed, until: end, generation: generation)) { [weak self] result in
        guard let self else { return completion(result) }
        if case .success = result.outcome { writtenVersions = versions }
        completion(result.adding(takeFoundDrifts()))
      }
    } catch { completion(OutputResult(path: path, outcome: .failure(error.about(path)))) }
  }

  private func takeFoundDrifts() -> [OutputDrift] {
    defer { foundDrifts = [] }
    return foundDrifts
  }

  func give(_ order: WriteTarget.Order, completion: @escaping Completion) {
    if order.isRemoval {
      contents = []
      writtenVersions = []
    }
    if case .busy(let operation, _) = state {
      state = .busy(operation, next: (order, completion))
      return
    }
    guard case .idle(var target) = state else { return }
    guard isInMemory else { return submit(target, order, completion) }
    let report = target.report(order)
    state = .idle(target)
    completion(OutputResult(path: path, report))
  }

  private func submit(_ target: any WritableTarget, _ order: WriteTarget.Order, _ completion: @escaping Completion) {
    guard let writer else { return }
    do throws(FileOutputError) {
      state = .busy(
        Operation(
          id: try writer.submit(target, order, for: self), since: writer.now(), isRemoval: order.isRemoval), next: nil)
      self.completion = completion
    } catch { completion(OutputResult(path: path, outcome: .failure(error))) }
  }

  /// When the order on its way to the disk was given, in microseconds of the writer's clock; nil if there is none.
  var pendingSince: Int64? {
    guard case .busy(let operation, _) = state else { return nil }
    return operation.since
  }

  func finish(_ target: any WritableTarget, _ report: WriteTarget.Report) {
    guard case .busy(_, let next) = state else { return }
    let completion = completion
    self.completion = nil
    state = .idle(target)
    if let next { give(next.order, completion: next.completion) }
    completion?(OutputResult(path: path, report))
  }

  /// Whether content is on its way to the disk with no removal waiting after it, or content waits to be written.
  var isWriting: Bool {
    guard case .busy(let operation, let next) = state else { return false }
    return next.map { !$0.order.isRemoval } ?? !operation.isRemoval
  }

  /// Stops calling completions, and drops the waiting order and a write that the disk hasn't begun: the path's next owner decides
  /// what is there, and may already have given its own order. Otherwise, after many reloads, all their writes would be carried out
  /// on a slow disk. A removal already given to the disk is carried out, before any later order, and so is a waiting one that
  /// removes a role's outputs for good.
  func abandon() {
    completion = nil
    guard case .busy(let operation, let next) = state else { return }
    state = .busy(operation, next: nil)
    if !operation.isRemoval { writer?.takeBack(operation.id) }
    guard let next, case .removeAll = next.order else { return }
    // It fails only without a worker thread, which has been reported by then.
    try? writer?.submitUnwatched(blank, next.order)
  }

  /// Orders under way will have no outcome.
  func forgetCompletions() {
    completion = nil
    if case .busy(let operation, _) = state { state = .busy(operation, next: nil) }
  }

  /// Gives each content a version, the same as before if the bytes are the same.
  private func number(_ new: [Secret]) {
    versions = new.indices.map { index in
      if index < contents.count, Self.equal(contents[index], new[index]) { return versions[index] }
      lastVersion += 1
      return lastVersion
    }
    contents = new
  }

  private static func equal(_ left: Secret, _ right: Secret) -> Bool {
    if left === right { return true }
    return left.withBytes { left in
      right.withBytes { right in left.count == right.count && left.indices.allSatisfy { left[$0] == right[$0] } }
    }
  }
}
