/// What the preloaded library does to the program that is started with these variables (CFaultShim.h).
package enum FaultShim {
  package enum Side: String, Sendable, CaseIterable {
    case before, after
  }

  /// Kills the program beside its `number`th fsync(2) or fdatasync(2), counted from 1.
  package static func killing(_ side: Side, sync number: Int) -> [String: String] {
    ["LD_PRELOAD": Programs.faultShim, "FAULT_SHIM_KILL": "\(side.rawValue) \(number)"]
  }

  /// Notes each connect(2) as a line of the file at `path`.
  package static func noting(connectionsIn path: String) -> [String: String] {
    ["LD_PRELOAD": Programs.faultShim, "FAULT_SHIM_CONNECTIONS": path]
  }
}
