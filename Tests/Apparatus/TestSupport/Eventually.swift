import Glibc

/// Waits for what nothing announces: looks every 10 ms, and throws when it hasn't come about in time.
///
/// Prefer what announces itself: READY=1, a line of the events stream.
package func eventually(
  _ what: @autoclosure () -> String, within seconds: Double = 20, _ isSo: () throws -> Bool
) throws {
  let deadline = ContinuousClock.now + .seconds(seconds)
  while try !isSo() {
    guard ContinuousClock.now < deadline else { throw NeverCame(what: what(), seconds: seconds) }
    usleep(10_000)
  }
}

private struct NeverCame: Error, CustomStringConvertible {
  let what: String
  let seconds: Double

  var description: String { "within \(seconds) s it didn't come about: \(what)" }
}
