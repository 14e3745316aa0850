/// What is written in one go: the role's directory or one file elsewhere. A value, so that it can go to the worker and come back.
enum OutputUnit: Sendable {
  case directory(RoleDirectory)
  case file(SingleFile)

  enum Order: Sendable {
    /// Contents in the order of the unit's outputs.
    case write([SealedContent])
    /// The content has lapsed.
    case withdraw
    /// The content has lapsed if it was written before that, in seconds since 1970.
    case withdrawOld(before: Int)
    /// The role is no more.
    case removeAll

    var isRemoval: Bool { if case .write = self { false } else { true } }
  }

  /// True when something was changed.
  mutating func perform(_ order: Order) throws(FileOutputError) -> Bool {
    switch self {
    case .directory(var directory):
      defer { self = .directory(directory) }
      switch order {
      case .write(let contents): return try directory.write(contents)
      case .withdraw: try directory.withdraw()
      case .withdrawOld(let time): return try directory.withdrawOld(before: time)
      case .removeAll: try directory.removeAll()
      }
    case .file(var file):
      defer { self = .file(file) }
      switch order {
      case .write(let contents): return try file.write(contents[0])
      case .withdrawOld(let time): return try file.withdrawOld(before: time)
      case .withdraw, .removeAll: try file.withdraw()
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

  /// Where the writing happens.
  var directoryPath: String {
    switch self {
    case .directory(let directory): directory.path
    case .file(let file): file.path.directory
    }
  }
}
