import Core
package import Settings

extension Finding {
  /// What each role of a tier can give other hosts, which hold a part of its sessions' lives less: for those who write the hosts' settings.
  package static func promises(of settings: DaemonSettings) -> [Finding] {
    guard settings.fleet != nil else { return [] }
    return settings.roles.filter { !$0.readers.hosts.isEmpty }.map { role in
      let timing = role.timing
      var finding = Finding(
        .ok, "role \(role.name)",
        "hosts ask every \(timing.hostRefresh.text) (±10 %) and have sessions that live at least \(timing.hostLife.text); floor + survive_outage on a host may be \(timing.hostPromise.text)"
      )
      finding.figures = [
        Figure("refresh_after", timing.hostRefresh), Figure("least_life", timing.hostLife),
        Figure("floor_and_survive_outage", timing.hostPromise),
      ]
      return finding
    }
  }
}
