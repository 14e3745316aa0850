import Glibc

/// A wall clock that only the programs see that are started with its environment; nobody else's clock is touched.
package final class SteppedClock {
  private let path: String
  private let descriptor: CInt

  /// Reads `seconds` ahead of the real one from the first look on, behind when negative.
  package init(in directory: TemporaryDirectory, aheadBySeconds seconds: Int64 = 0) throws {
    path = directory.path("clock-offset")
    descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw ClockError(attempt: "make '\(path)'", number: errno) }
    try step(toAheadBySeconds: seconds)
  }

  deinit { close(descriptor) }

  package var environment: [String: String] {
    ["LD_PRELOAD": Programs.faultShim, "FAULT_SHIM_CLOCK": path]
  }

  /// Steps it, as settimeofday(2) does, to this many seconds ahead of the real one.
  package func step(toAheadBySeconds seconds: Int64) throws {
    let written = withUnsafeBytes(of: seconds) { pwrite(descriptor, $0.baseAddress, $0.count, 0) }
    guard written == MemoryLayout<Int64>.size else { throw ClockError(attempt: "write '\(path)'", number: errno) }
  }
}

private struct ClockError: Error, CustomStringConvertible {
  let attempt: String
  let number: CInt

  var description: String { "stepped clock: cannot \(attempt): \(String(cString: strerror(number)))" }
}
