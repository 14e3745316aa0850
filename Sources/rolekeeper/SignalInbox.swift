import CLinux
import Glibc

/// The signals that this process takes itself, one by one, instead of being ended or stopped by them.
struct SignalInbox {
  /// A signal for this process.
  struct Arrival {
    let number: CInt
    /// Whether all of the terminal's foreground process group got it, a child in this group too.
    let isForGroup: Bool
  }

  /// Readable when a signal is pending; open for the life of the process.
  let descriptor: CInt

  /// Takes `signals` and SIGCHLD, without those that this process ignores, as nohup(1) does with SIGHUP. One per process. Throws if
  /// the kernel has no descriptor left.
  init(_ signals: [CInt]) throws(SystemFailure) {
    let all = signals + [SIGCHLD]
    descriptor = clinux_signal_inbox(all, CInt(all.count))
    guard descriptor >= 0 else { throw SystemFailure("cannot receive signals", -descriptor) }
  }

  /// The next pending signal other than SIGCHLD, which only wakes the caller; nil if there is none.
  func next() -> Arrival? {
    var signal = clinux_signal()
    while clinux_take_signal(descriptor, &signal) > 0 {
      if signal.number != SIGCHLD { return Arrival(number: signal.number, isForGroup: signal.is_from_kernel != 0) }
    }
    return nil
  }

  /// Ends this process as a signal does that isn't taken.
  static func end(by number: CInt) -> Never {
    clinux_end_by_signal(number)
    exit(128 + number)
  }
}

/// A system call that failed.
struct SystemFailure: Error, CustomStringConvertible {
  let attempt: String
  let number: CInt

  /// `number` is an errno.
  init(_ attempt: String, _ number: CInt = errno) { (self.attempt, self.number) = (attempt, number) }

  var description: String { "\(attempt): \(String(cString: strerror(number)))" }
}
