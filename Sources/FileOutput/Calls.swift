import Glibc

/// All system calls of this target go through here, so that tests can record them and make them fail.
struct Calls: Sendable {
  /// A probe's result for a step that a file system accepts and ignores, as vfat does with a mode.
  static let ignored: CInt = -1

  /// Called before every step; an errno other than 0 replaces the step.
  var probe: (@Sendable (Step, String) -> CInt)?

  /// The result of `call`, repeated after an interruption by a signal.
  @discardableResult
  func perform(_ step: Step, _ path: @autoclosure () -> String, _ call: () -> CInt) throws(FileOutputError) -> CInt {
    if let probe {
      let number = probe(step, path())
      if number == Self.ignored { return 0 }
      if number != 0 { throw .system(step, path: path(), errno: number) }
    }
    while true {
      let result = call()
      if result >= 0 { return result }
      let number = errno
      if number != EINTR { throw .system(step, path: path(), errno: number) }
    }
  }
}
