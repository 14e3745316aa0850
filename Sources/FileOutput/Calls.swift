import Glibc

/// The one way to a system call here, where a test listens in and makes calls fail.
struct Calls: Sendable {
  /// A probe's answer for a step that a file system takes and ignores, as vfat does with a mode.
  static let ignored: CInt = -1

  /// Sees every step before it is taken; an errno other than 0 takes its place.
  var probe: (@Sendable (Step, String) -> CInt)?

  /// The result of `call`, tried again when a signal came between.
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
