import CSystemd
import Glibc

/// The service manager's pending job for a unit.
package enum UnitJob: Equatable {
  /// No job: the unit ended by itself.
  case none
  /// It is being stopped without a restart: systemctl(1) `stop`, or the host shuts down.
  case stop
  /// Another job, after which it is to run: `restart`, `start` and others.
  case other(String)

  /// Asks the manager over the system bus and waits for it; `unit` is the unit's full name. `timeout` is for each of three answers.
  /// Throws if there is no bus or no answer.
  package init(of unit: String, timeout: Duration) throws(LoopError) {
    var room = [CChar](repeating: 0, count: 64)
    let microseconds = UInt64(max(0, Int64(timeout / .microseconds(1))))
    try check(
      csystemd_unit_job(unit, microseconds, &room, room.count), "ask the service manager for the job of '\(unit)'")
    let type = String(decoding: room.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    self = Self(type: type)
  }

  /// `type` as in org.freedesktop.systemd1(5); empty for no job.
  init(type: String) {
    switch type {
    case "": self = .none
    case "stop": self = .stop
    default: self = .other(type)
    }
  }
}
