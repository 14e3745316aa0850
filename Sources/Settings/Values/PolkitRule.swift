import Core

/// The rule by which polkit lets the daemon reload the units in the settings, or restart those that can't be reloaded, and nothing else.
///
/// Rules in JavaScript are read by polkit 0.106 and later (polkit(8)); Debian 12 has 122, Debian 13 has 126. The service manager names the unit
/// and the verb in the action's details since version 226: `bus_unit_method_start_generic` in systemd 252 and 257 makes the verb of
/// ReloadOrTryRestartUnit `reload-or-try-restart`.
package struct PolkitRule: CustomStringConvertible {
  private let user: String
  private let patterns: [(pattern: UnitPattern, roles: [RoleName])]

  /// `user` is the daemon's. nil where no role has units to be reloaded.
  package init?(_ settings: DaemonSettings, user: String) {
    self.user = user
    var patterns: [(pattern: UnitPattern, roles: [RoleName])] = []
    for role in settings.roles {
      for pattern in role.refreshUnits {
        if let index = patterns.firstIndex(where: { $0.pattern == pattern }) {
          patterns[index].roles.append(role.name)
        } else {
          patterns.append((pattern, [role.name]))
        }
      }
    }
    guard !patterns.isEmpty else { return nil }
    self.patterns = patterns
  }

  package var description: String {
    let units = patterns.map { pattern, roles in
      "        \(pattern.regularExpression), // \(roles.map(\.description).joined(separator: ", "))"
    }
    return """
      // Lets rolekeeper reload or restart the running services in refresh_units, and never start or stop them.
      // For polkit 0.106 and later: Debian 12 has 122, Debian 13 has 126. Made by: rolekeeper check --print-polkit
      // Save it as \(StandardPath.polkitRule); polkit reads it at once.
      polkit.addRule(function (action, subject) {
          var units = [
      \(units.joined(separator: "\n"))
          ];
          if (action.id == "org.freedesktop.systemd1.manage-units" && subject.user == \(Self.quoted(user)) &&
              action.lookup("verb") == "reload-or-try-restart" &&
              units.some(function (unit) { return unit.test(action.lookup("unit")); })) {
              return polkit.Result.YES;
          }
      });

      """
  }

  /// As a string of JavaScript: whatever isn't plain is escaped by its number (UTF-16).
  private static func quoted(_ text: String) -> String {
    let plain = text.utf16.map { unit in
      let byte = UInt8(exactly: unit)
      if let byte, byte.isLetterOrDigit || "-_.".utf8.contains(byte) { return "\(Unicode.Scalar(byte))" }
      let digits = String(unit, radix: 16)
      return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
    return "\"\(plain.joined())\""
  }
}
