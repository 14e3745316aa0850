import CLinux
import Glibc

/// The signals that this process takes itself, one by one, instead of being ended or stopped by them.
struct SignalInbox {
  /// A signal for this process.
  struct Arrival {
    let number: CInt
    /// Whether all of the terminal's foreground process group got it, a child in this group too.
    let isForGroup: Bool

    init(_ number: CInt, isFromKernel: Bool, leadsSession: Bool) {
      self.number = number
      isForGroup =
        switch number {
        case SIGINT, SIGQUIT, SIGTSTP, SIGWINCH: isFromKernel
        // When a terminal hangs up, both are sent to the leader of its session alone.
        case SIGHUP, SIGCONT: isFromKernel && !leadsSession
        // The kernel sends others to one process, such as SIGALRM, whose alarm(2) a child doesn't have.
        default: false
        }
    }
  }

  /// The signals that end a process by default and that others send, so that it can pass them on to a command or end in order. Those
  /// of faults aren't among them, and not SIGPIPE.
  static let ending: [CInt] =
    [
      SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGABRT, SIGALRM, SIGVTALRM, SIGPROF, SIGXCPU, SIGIO, SIGPWR,
      SIGSTKFLT,
    ] + Array(__libc_current_sigrtmin()...__libc_current_sigrtmax())

  /// Readable when a signal is pending; open for the life of the process.
  let descriptor: CInt
  private let isSessionLeader: Bool

  /// Takes `signals` and SIGCHLD, without those that this process ignores, as nohup(1) does with SIGHUP. One per process. Throws if
  /// the kernel has no descriptor left.
  init(_ signals: [CInt]) throws(SystemFailure) {
    let all = signals + [SIGCHLD]
    isSessionLeader = getsid(0) == getpid()
    descriptor = clinux_signal_inbox(all, CInt(all.count))
    guard descriptor >= 0 else { throw SystemFailure("cannot receive signals", -descriptor) }
  }

  /// The next pending signal other than SIGCHLD, which only wakes the caller; nil if there is none.
  func next() -> Arrival? {
    var signal = clinux_signal()
    while clinux_take_signal(descriptor, &signal) > 0 {
      if signal.number != SIGCHLD {
        return Arrival(
          signal.number, isFromKernel: signal.is_from_kernel != 0, leadsSession: isSessionLeader)
      }
    }
    return nil
  }

  /// Gives signals the effect that they had before, those too that are pending.
  func release() { clinux_release_signals() }

  /// Lets nothing that isn't read any more end this process, which has a command to look after; the command has the former action.
  static func ignoreBrokenPipes() { clinux_ignore(SIGPIPE) }

  /// Ends this process as a signal does that isn't taken, without a core.
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
