package import Core

/// Installed services that read a role's credential file as `EnvironmentFile=`, and that nothing restarts when the role has a new
/// credential: systemd reads such a file when the service starts (systemd.exec(5)), so its variables expire.
package struct StaleEnvironment: Hashable, Sendable {
  /// The service's name with its type.
  package let unit: String
  package let file: String
  package let role: RoleName

  package static func find(for settings: DaemonSettings, on host: some Host) -> [StaleEnvironment] {
    let files = UnitFiles(host: host)
    let outputs = settings.roles.flatMap { role in
      role.outputs.map { (role: role, path: $0.path(of: role.name, in: settings.filesDirectory)) }
    }
    guard !outputs.isEmpty else { return [] }
    return files.names(ofType: ".service").flatMap { name -> [StaleEnvironment] in
      guard let unit = files.unit(name, section: "Service"), let unitName = UnitName(name) else { return [] }
      let read = unit.text.values("EnvironmentFile").map { String($0.drop { $0 == "-" }) }
      return outputs.filter { output in
        read.contains { PathText.normal($0) == output.path }
          && !output.role.refreshUnits.contains { $0.canMatch(unitName) }
      }.map { StaleEnvironment(unit: name, file: $0.path, role: $0.role.name) }
    }
  }
}

extension OutputSettings {
  /// Where its readers find it; `directory` has a directory of each role.
  func path(of role: RoleName, in directory: String) -> String {
    switch location {
    case .roleDirectory(let name): "\(directory)/\(role)/\(name)"
    case .elsewhere(let path): path
    }
  }
}
