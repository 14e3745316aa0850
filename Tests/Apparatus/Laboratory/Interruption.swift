import Glibc

/// ^C and SIGTERM for a tool that wants to end in good order: they wait until it looks.
///
/// The programs it starts must not end before it does: `wrapper` takes them out of the terminal's group, and lets the
/// kernel end them if the tool should be killed (setsid(1), setpriv(1)).
package enum Interruption {
  package static let wrapper = ["/usr/bin/setsid", "/usr/bin/setpriv", "--pdeathsig", "KILL"]

  /// Before the first thread, so that all inherit the mask.
  package static func hold() {
    var signals = Self.signals
    sigprocmask(SIG_BLOCK, &signals, nil)
  }

  /// Waits for at most this long; true when a signal came.
  package static func came(within milliseconds: Int) -> Bool {
    var signals = Self.signals
    var limit = timespec(tv_sec: milliseconds / 1000, tv_nsec: milliseconds % 1000 * 1_000_000)
    return sigtimedwait(&signals, nil, &limit) > 0
  }

  private static var signals: sigset_t {
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGINT)
    sigaddset(&signals, SIGTERM)
    return signals
  }
}
