import Core

/// Checks the installed units whose `LoadCredential=` names the daemon's socket: whether something that the settings
/// alone show keeps them from starting, or makes them wait for ever.
struct UnitConsumers<Source: Host> {
  /// systemd's address has 108 bytes: a NUL, up to 16 digits, `/unit/`, the unit, `/` and the ID (sockaddr_un; `connect_unix_harder` and
  /// its caller in systemd 252 and 257). Longer ones fail, or start by chance.
  static var longestNames: Int { 83 }

  let host: Source
  let findings: Findings

  /// `credentials` is nil if no such socket is configured.
  func check(_ credentials: CredentialsSettings?, roles: [RoleSettings]) {
    let files = UnitFiles(host: host)
    let byName = Dictionary(roles.map { ($0.name, $0) }) { first, _ in first }
    for name in files.names(ofType: ".service") {
      guard let unit = files.unit(name, section: "Service") else { continue }
      let ids = Self.credentials(unit.text, from: credentials?.path ?? StandardPath.credentials)
      guard !ids.isEmpty else { continue }
      guard credentials != nil else {
        warn(
          unit.path, "LoadCredential", "names '\(StandardPath.credentials)', where nothing listens",
          "run: sudo systemctl enable --now \(RolekeeperUnit.credentialsSocket); or write [credentials] in the settings"
        )
        continue
      }
      for id in ids { check(id, of: name, at: unit.path, byName) }
      checkStart(unit.text, of: name, at: unit.path)
      checkReload(unit.text, of: name, at: unit.path, ids, byName)
    }
  }

  private static func credentials(_ unit: UnitText, from path: String) -> [String] {
    unit.values("LoadCredential").compactMap { value in
      let parts = value.split(separator: ":", maxSplits: 1).map(String.init)
      return parts.count == 2 && PathText.normal(parts[1]) == path ? parts[0] : nil
    }
  }

  private func check(_ id: String, of unit: String, at path: String, _ roles: [RoleName: RoleSettings]) {
    let key = "LoadCredential=\(id)"
    let length = unit.utf8.count + id.utf8.count
    if length > Self.longestNames {
      warn(
        path, key,
        "and the unit's name have \(length) characters together, and systemd's address has room for \(Self.longestNames)",
        "shorten the unit's name or the role's")
    }
    let parts = id.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
    let isTemplate = parts.count == 2 && parts[1] == OutputFormat.templateName
    let isFormat = parts.count == 1 || isTemplate || CredentialFormat(rawValue: String(parts[1])) != nil
    guard let role = RoleName(parts.first ?? ""), isFormat else {
      warn(
        path, key, "names no credential",
        "write ROLE or ROLE.FORMAT, with FORMAT one of \(OutputFormat.names): \(Self.edit(unit))"
      )
      return
    }
    guard let settings = roles[role] else {
      warn(
        path, key, "names a role that doesn't exist",
        "write [roles.\(role)] in the settings, or name another role: \(Self.edit(unit))")
      return
    }
    if isTemplate, settings.onlyTemplate == nil {
      warn(
        path, key, "names a template, and the files of role '\(role)' have none, or several",
        "write one file with format = \"template\" in [[roles.\(role).files]], or name another format: \(Self.edit(unit))"
      )
      return
    }
    guard let name = UnitName(unit), !settings.readers.units.contains(where: { $0.canMatch(name) }) else { return }
    if let instances = name.instances {
      warn(
        path, key, "isn't open to any instance of this unit: roles.\(role).allow names none",
        "write units = [\"\(instances)\"] in roles.\(role).allow, if all of them may have that role")
    } else {
      warn(
        path, key, "isn't open to this unit: roles.\(role).allow doesn't name it",
        "write units = [\"\(unit)\"] in roles.\(role).allow, if it may have that role")
    }
  }

  private func checkStart(_ unit: UnitText, of name: String, at path: String) {
    // The default for a unit without Type= (systemd.service(5)).
    let type =
      unit.value("Type")
      ?? (unit.value("ExecStart") == nil ? "oneshot" : unit.value("BusName") == nil ? "simple" : "dbus")
    switch type {
    case "simple", "idle":
      warn(
        path, "Type",
        "is \(type), so systemd takes the unit for started while it still waits for its credential, and for one that never comes, for ever",
        "write Type=exec: \(Self.edit(name))")
    case "oneshot" where unit.value("TimeoutStartSec") == nil && unit.value("TimeoutSec") == nil:
      warn(
        path, "TimeoutStartSec", "is missing, and a oneshot unit without it waits for its credential without end",
        "write TimeoutStartSec=2min, or what the unit takes: \(Self.edit(name))")
    default: break
    }
  }

  /// A unit that is reloaded after a rotation keeps the credential that it has loaded: a reload renews that from systemd 260 on, and only with
  /// RefreshOnReload= (systemd.service(5)).
  private func checkReload(
    _ unit: UnitText, of name: String, at path: String, _ ids: [String], _ roles: [RoleName: RoleSettings]
  ) {
    let isReloadable = unit.value("ExecReload") != nil || unit.value("Type") == "notify-reload"
    guard isReloadable, unit.value("RefreshOnReload") == nil, let own = UnitName(name) else { return }
    let names = ids.compactMap { RoleName($0.prefix { $0 != "." }) }
    guard let role = names.first(where: { roles[$0]?.refreshUnits.contains { $0.canMatch(own) } == true }) else {
      return
    }
    warn(
      path, unit.value("ExecReload") == nil ? "Type" : "ExecReload",
      "makes rolekeeper reload the unit when the role has a new credential, and a reload doesn't renew LoadCredential=\(role)",
      "take it out, so that the unit is restarted, or, from systemd 260, write RefreshOnReload=credentials: \(Self.edit(name))"
    )
  }

  private func warn(_ path: String, _ key: String, _ problem: String, _ remedy: String) {
    findings.warning(Place(file: path, key: key), problem, remedy)
  }

  private static func edit(_ unit: String) -> String { "sudo systemctl edit \(SafeFix.quoted(unit))" }
}

extension LoadContext {
  func checkConsumers(of credentials: CredentialsSettings?, roles: [RoleSettings]) {
    func check(_ host: some Host) { UnitConsumers(host: host, findings: findings).check(credentials, roles: roles) }
    check(host)
  }
}
