import Secrets

/// The way of one unit's orders to the disk: one at a time, and of those that wait the latest alone counts.
final class WriteQueue {
  typealias Completion = (OutputResult) -> Void

  private enum State {
    case idle(any WritableTarget)
    /// The unit is with the worker.
    case busy(Errand, next: (order: WriteTarget.Order, completion: Completion)?)
  }

  private struct Errand {
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
  /// What a look at the files has found and put right, and hasn't been reported.
  private var foundDrifts: [OutputDrift] = []
  /// Those that were written last, unless something went wrong since.
  private var writtenVersions: [UInt64] = []

  init(_ writer: FileWriter, _ unit: any WritableTarget, _ mounts: MountTable) {
    self.writer = writer
    path = unit.path
    isInMemory = mounts.isInMemory(unit.directoryPath)
    blank = unit
    state = .idle(unit)
  }

  /// Content that is the same as what was written last is copied for the worker only when a look at the files finds that it has to be
  /// written. `end` is when it ends and `now` what it is now, in seconds since 1970; `rotation` is the role's generation.
  func write(
    _ contents: [Secret], until end: Int, rotation: UInt64? = nil, at now: Int, completion: @escaping Completion
  ) {
    number(contents)
    guard versions == writtenVersions else { return sealAndWrite(until: end, rotation, completion) }
    give(.verify(versions, until: end, at: now)) { [weak self] result in
      guard let self, case .success(true) = result.outcome else { return completion(result) }
      // The look itself puts a directory's mode right, so the write won't find it any more.
      foundDrifts += result.drifts
      // What was given meanwhile comes next, and with it what is right by then.
      if case .busy = state { return }
      sealAndWrite(until: end, rotation, completion)
    }
  }

  private func sealAndWrite(until end: Int, _ rotation: UInt64?, _ completion: @escaping Completion) {
    guard let disk = writer?.disk else { return }
    let versions = versions
    do throws(FileOutputError) {
      var sealed: [SealedContent] = []
      for (content, version) in zip(contents, versions) { sealed.append(try disk.seal(content, version: version)) }
      writtenVersions = []
      give(.write(sealed, until: end, rotation: rotation)) { [weak self] result in
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
    if case .busy(let errand, _) = state {
      state = .busy(errand, next: (order, completion))
      return
    }
    guard case .idle(var unit) = state else { return }
    guard isInMemory else { return submit(unit, order, completion) }
    let report = unit.report(order)
    state = .idle(unit)
    completion(OutputResult(path: path, report))
  }

  private func submit(_ unit: any WritableTarget, _ order: WriteTarget.Order, _ completion: @escaping Completion) {
    guard let writer else { return }
    do throws(FileOutputError) {
      state = .busy(
        Errand(
          id: try writer.submit(unit, order, for: self), since: writer.now(), isRemoval: order.isRemoval), next: nil)
      self.completion = completion
    } catch { completion(OutputResult(path: path, outcome: .failure(error))) }
  }

  /// When the order was given that is on its way to the disk, in microseconds of the writer's clock; nil when there is none.
  var pendingSince: Int64? {
    guard case .busy(let errand, _) = state else { return nil }
    return errand.since
  }

  func finish(_ unit: any WritableTarget, _ report: WriteTarget.Report) {
    guard case .busy(_, let next) = state else { return }
    let completion = completion
    self.completion = nil
    state = .idle(unit)
    if let next { give(next.order, completion: next.completion) }
    completion?(OutputResult(path: path, report))
  }

  /// Whether content is on its way to the disk and nothing that waits behind it takes it away again, or content waits to be written.
  var isWriting: Bool {
    guard case .busy(let errand, let next) = state else { return false }
    return next.map { !$0.order.isRemoval } ?? !errand.isRemoval
  }

  /// Calls nobody any more, and drops what waits and a write that the disk hasn't begun: whoever owns the path from now on decides what
  /// is there, has perhaps ordered it already, and of many reloads each would else have all that it ordered written on a slow disk.
  /// A removal that the disk has been given is carried out, before anything that is ordered from now on, and so is one that waits to
  /// remove a role's outputs for good.
  func abandon() {
    completion = nil
    guard case .busy(let errand, let next) = state else { return }
    state = .busy(errand, next: nil)
    if !errand.isRemoval { writer?.takeBack(errand.id) }
    guard let next, case .removeAll = next.order else { return }
    // It fails only without a worker thread, which has been reported by then.
    try? writer?.submitUnwatched(blank, next.order)
  }

  /// What is under way will have no outcome.
  func forgetCompletions() {
    completion = nil
    if case .busy(let errand, _) = state { state = .busy(errand, next: nil) }
  }

  /// Gives each content a number, the same as before where the bytes are the same as before.
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
