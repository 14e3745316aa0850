/// What is written in one go. A value, so that it can go to the worker and come back.
protocol WritableTarget: Sendable {
  /// The role's directory, or the path of the output elsewhere.
  var path: String { get }
  /// Where the writing happens.
  var directoryPath: String { get }

  /// Carries out an order, which may block on a disk.
  mutating func report(_ order: WriteTarget.Order) -> WriteTarget.Report
}

/// The role's directory or one file elsewhere, on the host's file systems.
enum WriteTarget: WritableTarget {
  case directory(RoleDirectory)
  case file(SingleFile)

  enum Order: Sendable {
    /// Look whether content of these versions, in the order of the unit's outputs, is as it was written, and what of it has ended by a
    /// time. True when it isn't.
    case verify([UInt64], until: Int, at: Int)
    /// Contents in the order of the unit's outputs, when they end, in seconds since 1970, and the role's generation.
    case write([SealedContent], until: Int, rotation: UInt64?)
    /// The content has lapsed.
    case withdraw
    /// The content, of an earlier process, has lapsed if it ends by that time, in seconds since 1970. Else it gets the access that the
    /// outputs have now.
    case withdrawEnded(by: Int)
    /// The role is no more.
    case removeAll
    /// No role has the output any more, which an earlier process wrote: it goes if it is still as that one left it, and has ended by that
    /// time where one is given, in seconds since 1970.
    case removeFormer(endedBy: Int?)

    fileprivate var isByEnd: Bool { if case .withdrawEnded = self { true } else { false } }

    var isRemoval: Bool {
      switch self {
      case .verify, .write: false
      case .withdraw, .withdrawEnded, .removeAll, .removeFormer: true
      }
    }
  }

  /// What became of an order.
  struct Report: Sendable {
    /// True when something was changed, or has to be.
    let result: Result<Bool, FileOutputError>
    let drifts: [OutputDrift]
    /// After a failure, and after `withdrawEnded`: what readers find. Nil after other orders.
    let content: OutputContent?
    /// After `withdrawEnded`, when there was no record of the end.
    var presumedEnd: PresumedEnd?
    /// After `withdrawEnded`: what had other access than the outputs.
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

  /// Whether the order's result doesn't say what is there.
  private func leavesUnknown(_ order: Order, _ result: Result<Bool, FileOutputError>) -> Bool {
    order.isByEnd || result.hasFailed
  }

  /// True when something was changed, or has to be.
  private mutating func perform(_ order: Order) throws(FileOutputError) -> Bool {
    switch self {
    case .directory(var directory):
      defer { self = .directory(directory) }
      switch order {
      case .verify(let versions, let end, let now): return try !directory.isCurrent(versions, until: end, at: now)
      case .write(let contents, let end, let rotation):
        return try directory.write(contents, until: end, rotation: rotation)
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
      case .write(let contents, let end, let rotation):
        return try file.write(contents[0], until: end, rotation: rotation)
      case .withdrawEnded(let time):
        file.fixes = []
        if try file.withdrawEnded(by: time) { return true }
        try file.applyAccess()
        return false
      case .withdraw: try file.withdraw()
      case .removeAll:
        // Where the unit shows nothing, this process has never written anything.
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
