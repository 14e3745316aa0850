import Core

extension LoadContext {
  /// What D-Bus starts polkit by, wherever a distribution puts its program.
  private static let service = "/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service"

  /// Without polkit the service manager takes jobs from root alone. Which rules there are only polkit and root may know.
  func checkPolkit() {
    guard let place = refreshUnitsPlace, let unit = check?.unit, let user = unit.user, user != "root" else { return }
    do throws(HostError) { _ = try host.read(Self.service, limit: 1 << 16) } catch {
      guard error == .missing else { return }
      findings.warning(
        place, "names units, and there is no polkit here, without which user '\(user)' can't reload them",
        "run: sudo apt install polkitd; then run: \(StandardPath.writePolkitRule)"
      )
    }
  }
}
