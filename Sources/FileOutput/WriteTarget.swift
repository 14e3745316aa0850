/// A unit that is written at once. A value, so that it can be passed to the worker and back.
protocol WritableTarget: Sendable {
  /// The role's directory, or the path of the output elsewhere.
  var path: String { get }
  /// The directory that is written in.
  var directoryPath: String { get }

  /// Carries out an order, which may block on a disk.
  mutating func report(_ order: WriteTarget.Order) -> WriteTarget.Report
}

/// The role's directory or one file elsewhere, on the host's file systems.
enum WriteTarget: WritableTarget {
  case directory(RoleDirectory)
  case file(SingleFile)

  enum Order: Sendable {
    /// Verify that content of these versions, in the order of the target's outputs, is as it was written, and which of it has ended
    /// by a time. True if it isn't.
    case verify([UInt64], until: Int, at: Int)
    /// Contents in the order of the target's outputs, their expiry in seconds since 1970, and the role's generation.
    case write([SealedContent], until: Int, generation: UInt64?)
    /// The content has lapsed.
    case withdraw
    /// An earlier process's content has lapsed if it ends by that time, in seconds since 1970. Otherwise it gets the access that
    /// the outputs have now.
    case withdrawEnded(by: Int)
    /// The role was removed.
    case removeAll
    /// No role has the output any more, which an earlier process wrote: it is removed if it is still as that process left it, and,
    /// if a time is given, has ended by then, in seconds since 1970.
    case removeFormer(endedBy: Int?)

    fileprivate var isByEnd: Bool { if case .withdrawEnded = self { true } else { false } }

    var isRemoval: Bool {
      switch self {
      case .verify, .write: false
      case .withdraw, .withdrawEnded, .removeAll, .removeFormer: true
      }
    }
  }

  /// The outcome of an order.
  struct Report: Sendable {
    /// True if something was changed, or has to be.
    let result: Result<Bool, FileOutputError>
    let drifts: [OutputDrift]
    /// After a failure, and after `withdrawEnded`: what readers find. Nil after other orders.
    let content: OutputContent?
    /// After `withdrawEnded`, if there was no record of the end.
    var presumedEnd: PresumedEnd?
    /// After `withdrawEnded`: files whose access differed from the outputs.
    var fixes: [AccessFix] = []
  }

  mutating func report(_ order: Order) -> Report {
    let result: Result<Bool, FileOutputError>
    do throws(FileOutputError) { result = .success(try perform(order)) } catch { result = .failure(error) }
    switch self {
    case .directory(let directory):
      return Report(
        result: result, drifts: directory.drifts, content: leavesUnknown(order, result) ? directory.content : nil,
        presumedEnd: order.isByEnd ? directory.presumedEnd : nil, fixes: order.isByEnd ? directory.fixes : [])
    case .file(let file):
      return Report(
        result: result, drifts: file.drifts, content: leavesUnknown(order, result) ? file.content : nil,
        presumedEnd: order.isByEnd ? file.presumedEnd : nil, fixes: order.isByEnd ? file.fixes : [])
    }
  }

  /// Whether the order's result leaves open what is there.
  private func leavesUnknown(_ order: Order, _ result: Result<Bool, FileOutputError>) -> Bool {
    order.isByEnd || result.hasFailed
  }

  /// True if something was changed, or has to be.
  private mutating func perform(_ order: Order) throws(FileOutputError) -> Bool {
    switch self {
    case .directory(var directory):
      defer { self = .directory(directory) }
      switch order {
      case .verify(let versions, let end, let now): return try !directory.isCurrent(versions, until: end, at: now)
      case .write(let contents, let end, let generation):
        return try directory.write(contents, until: end, generation: generation)
      case .withdraw: try directory.withdraw()
      case .withdrawEnded(let time):
        directory.fixes = []
        if try directory.withdrawEnded(by: time) { return true }
        try directory.applyAccess()
        return false
      case .removeAll, .removeFormer(nil): try directory.removeAll()
      case .removeFormer(.some(let time)): return try directory.withdrawEnded(by: time)
      }
    case .file(var file):
      defer { self = .file(file) }
      switch order {
      case .verify(let versions, let end, _): return try !file.isCurrent(versions[0], until: end)
      case .write(let contents, let end, let generation):
        return try file.write(contents[0], until: end, generation: generation)
      case .withdrawEnded(let time):
        file.fixes = []
        if try file.withdrawEnded(by: time) { return true }
        try file.applyAccess()
        return false
      case .withdraw: try file.withdraw()
      case .removeAll:
        // In a directory hidden from the unit this process has never written anything.
        do throws(FileOutputError) { try file.withdraw() } catch .hiddenDirectory {}
      case .removeFormer(let time): return try file.removeFormer(endedBy: time)
      }
    }
    return true
  }

  var path: String {
    switch self {
    case .directory(let directory): directory.path
    case .file(let file): "\(file.path)"
    }
  }

  var directoryPath: String {
    switch self {
    case .directory(let directory): directory.path
    case .file(let file): file.path.directory
    }
  }
}

extension Result where Success == Bool {
  fileprivate var hasFailed: Bool { if case .failure = self { true } else { false } }
}
