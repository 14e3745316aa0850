package import Core
import Glibc

/// What the kernel and the service manager report of units.
package protocol UnitRecords {
  /// The control groups of a process, as proc(5) has them; nil when they can't be seen.
  func controlGroups(of pid: Int32) -> String?
  /// The ID of the unit's invocation: another one at each start (systemd.exec(5), $INVOCATION_ID). nil when it isn't known.
  func invocation(of unit: UnitName) -> String?
}

/// Those of this host.
package struct HostUnitRecords: UnitRecords {
  /// Where the service manager keeps a link for each unit that runs, for the journal: `invocation:UNIT`, to the ID itself
  /// (`unit_export_invocation_id` in systemd's src/core/unit.c; there in 252 and 257).
  private static let links = "/run/systemd/units/invocation:"

  package init() {}

  package func controlGroups(of pid: Int32) -> String? {
    // 0: the process lives outside of our pid namespace.
    guard pid > 0 else { return nil }
    let descriptor = open("/proc/\(pid)/cgroup", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    return Self.filled(8192) { read(descriptor, $0.baseAddress, $0.count) }
  }

  package func invocation(of unit: UnitName) -> String? {
    Self.filled(64) {
      readlink("\(Self.links)\(unit)", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
  }

  private static func filled(_ size: Int, _ call: (UnsafeMutableRawBufferPointer) -> Int) -> String? {
    var bytes = [UInt8](repeating: 0, count: size)
    let count = bytes.withUnsafeMutableBytes(call)
    return count > 0 ? String(decoding: bytes.prefix(count), as: UTF8.self) : nil
  }
}

/// The control group that the system's service manager put a process in (cgroups(7)).
struct ManagedGroup {
  /// Of systemd's hierarchy, without what lies above the manager's own.
  let path: String

  /// `groups` are the process's as proc(5) has them, `managers` those of the manager. nil when it isn't known which hierarchy is systemd's: the
  /// one where the manager is in `init.scope`, the unified one if it is both. A container's may have others beside.
  init?(_ groups: String, managers: String) {
    let (its, managers) = (Self.paths(in: groups), Self.paths(in: managers))
    let scope = "/init.scope"
    guard let name = ["", "name=systemd"].first(where: { managers[$0]?.hasSuffix(scope) ?? false }),
      let path = its[name], let root = managers[name]?.dropLast(scope.count)
    else { return nil }
    self.path = path.hasPrefix("\(root)/") ? String(path.dropFirst(root.count)) : path
  }

  /// The unit that it belongs to: the first part that isn't a slice. A unit of a user's manager lies below that one's service, and one of
  /// a container below the container's.
  var unit: String? {
    // systemd puts `_` before a name that the kernel would take for its own file.
    path.split(separator: "/").first { !$0.hasSuffix(".slice") }.map { String($0.first == "_" ? $0.dropFirst() : $0) }
  }

  /// By the names of hierarchies, or their controllers; the unified one's is empty.
  private static func paths(in groups: String) -> [String: String] {
    let lines = groups.split(separator: "\n").map {
      $0.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false).map(String.init)
    }
    return Dictionary(lines.filter { $0.count == 3 }.map { ($0[1], $0[2]) }) { first, _ in first }
  }
}
