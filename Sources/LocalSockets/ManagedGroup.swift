package import Core

/// The control group that the system's service manager put a process in (cgroups(7)).
package struct ManagedGroup {
  /// Of systemd's hierarchy, without what lies above the manager's own.
  package let path: String
  /// Whether it is one of the manager's, and not beside or above these, as the ones of a container's host are.
  private let isManagers: Bool

  /// `groups` are the process's as proc(5) has them, `managers` those of the manager. nil when it isn't known which hierarchy is systemd's: the
  /// one where the manager is in `init.scope`, the unified one if it is both. A container's may have others beside.
  package init?(_ groups: String, managers: String) {
    let (its, managers) = (Self.paths(in: groups), Self.paths(in: managers))
    let scope = "/init.scope"
    guard let name = ["", "name=systemd"].first(where: { managers[$0]?.hasSuffix(scope) ?? false }),
      let path = its[name], let root = managers[name]?.dropLast(scope.count)
    else { return nil }
    isManagers = path.utf8.starts(with: "\(root)/".utf8)
    self.path = isManagers ? String(decoding: path.utf8.dropFirst(root.utf8.count), as: UTF8.self) : path
  }

  /// The unit that it belongs to: the first part that isn't a slice. A unit of a user's manager lies below that one's service, and one of
  /// a container below the container's.
  package var unit: String? {
    // systemd puts `_` before a name that the kernel would take for its own file.
    path.utf8.split(separator: UInt8(ascii: "/")).map { String(decoding: $0, as: UTF8.self) }
      .first { !$0.hasSuffix(".slice") }.map { String($0.first == "_" ? $0.dropFirst() : $0[...]) }
  }

  /// The system unit that counts as the one of a process which connects itself. nil for all that runs below a user's service manager,
  /// `user@UID.service`: which programs those are is the user's choice. nil also for what is no unit that the service manager starts programs
  /// for, as a login's scope, and for what isn't below the service manager.
  package var callingUnit: UnitName? {
    isManagers ? unit.flatMap { $0.hasPrefix("user@") ? nil : UnitName($0) } : nil
  }

  /// By the names of hierarchies, or their controllers; the unified one's is empty. By bytes: a group's name may end in a carriage
  /// return, which is one character with the line's end.
  private static func paths(in groups: String) -> [String: String] {
    let lines = groups.utf8.split(separator: UInt8(ascii: "\n")).map {
      $0.split(separator: UInt8(ascii: ":"), maxSplits: 2, omittingEmptySubsequences: false)
        .map { String(decoding: $0, as: UTF8.self) }
    }
    return Dictionary(lines.filter { $0.count == 3 }.map { ($0[1], $0[2]) }) { first, _ in first }
  }
}
