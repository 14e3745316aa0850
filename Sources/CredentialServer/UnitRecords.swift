package import Core
import Glibc
import LocalSockets

/// What the kernel and the service manager report about units.
package protocol UnitRecords {
  /// The control groups of a process in the form of proc(5); nil if they can't be read.
  func controlGroups(of pid: Int32) -> String?
  /// The name of a process's program, for the log; nil when it can't be seen.
  func program(of pid: Int32) -> String?
  /// The ID of the unit's invocation: another one at each start (systemd.exec(5), $INVOCATION_ID). nil when it isn't known.
  func invocation(of unit: UnitName) -> String?
}

/// The records of this host.
package struct HostUnitRecords: UnitRecords {
  /// The service manager keeps a link for each running unit here, for the journal: `invocation:UNIT`, whose target is
  /// the ID itself (`unit_export_invocation_id` in systemd's src/core/unit.c; in 252 and 257).
  private static let links = "/run/systemd/units/invocation:"

  package init() {}

  package func controlGroups(of pid: Int32) -> String? { ProcessDirectory(pid)?.controlGroups }

  package func program(of pid: Int32) -> String? { ProcessDirectory(pid)?.program }

  package func invocation(of unit: UnitName) -> String? {
    var bytes = [UInt8](repeating: 0, count: 64)
    let count = bytes.withUnsafeMutableBytes {
      readlink("\(Self.links)\(unit)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
  }
}
