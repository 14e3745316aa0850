import Glibc
import Synchronization

/// The emulator's time: the machine's, which a test can shift or freeze.
package final class EmulatorClock: Sendable {
  private enum Source {
    case machine(offsetSeconds: Int64)
    case frozen(WallTime)
  }

  private let source: Mutex<Source>

  /// The machine's clock.
  package init() { source = Mutex(.machine(offsetSeconds: 0)) }

  package init(frozenAt time: WallTime) { source = Mutex(.frozen(time)) }

  package var now: WallTime {
    source.withLock {
      switch $0 {
      case .machine(let offset): Self.machineTime.advanced(bySeconds: offset)
      case .frozen(let time): time
      }
    }
  }

  /// Stops the clock at `time` until it is set again.
  package func freeze(at time: WallTime) { source.withLock { $0 = .frozen(time) } }

  /// Runs with the machine's clock, `seconds` ahead of it, or behind when negative.
  package func run(aheadBySeconds seconds: Int64) { source.withLock { $0 = .machine(offsetSeconds: seconds) } }

  /// Moves a frozen clock, or shifts a running one.
  package func advance(bySeconds seconds: Int64) {
    source.withLock {
      switch $0 {
      case .machine(let offset): $0 = .machine(offsetSeconds: offset + seconds)
      case .frozen(let time): $0 = .frozen(time.advanced(bySeconds: seconds))
      }
    }
  }

  private static var machineTime: WallTime {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return WallTime(microseconds: Int64(time.tv_sec) * 1_000_000 + Int64(time.tv_nsec) / 1000)
  }
}
