import Core
import FuzzSupport

@testable import Settings

/// What holds for all settings that were accepted, whatever their text.
struct SettingsCheck {
  let host: FuzzHost
  let settings: DaemonSettings

  func check() {
    let calls = settings.roles.reduce(0) { $0 + $1.timing.callsPerSecond }
    require(
      calls <= 0.7 * settings.sts.requestsPerSecond, "\(calls) of \(settings.sts.requestsPerSecond) requests per second"
    )
    require(
      (0.1...10_000).contains(settings.sts.requestsPerSecond), "\(settings.sts.requestsPerSecond) requests per second")
    require(
      settings.socket.path.hasPrefix("/") && settings.socket.path.utf8.count <= 107,
      "a socket at \(settings.socket.path)")
    require(Set(settings.roles.map(\.name)).count == settings.roles.count, "a role is there twice")
    for role in settings.roles { check(role) }
    checkPaths()
  }

  private func check(_ role: RoleSettings) {
    let timing = role.timing
    require(
      timing.outageCover >= timing.surviveOutage + RoleTiming.outageOverhead,
      "\(role.name) can't hold its floor: \(timing)")
    require((.minutes(15) ... .hours(12)).contains(timing.duration), "a duration of \(timing.duration)")
    require((timing.duration ... .hours(12)).contains(timing.maxDuration), "a max_duration of \(timing.maxDuration)")
    require((.seconds(2)...timing.duration).contains(timing.refreshAfter), "a refresh_after of \(timing.refreshAfter)")
    require((.seconds(1) ... .minutes(1)).contains(timing.lapseMargin), "a lapse_margin of \(timing.lapseMargin)")
    require((1...16).contains(timing.pool), "a pool of \(timing.pool)")
    require(settings.sources.contains { $0.name == role.source }, "a source that isn't there: \(role.source)")
    if let policy = role.policy { require(policy.count < 2048, "a policy of \(policy.count) bytes") }
    for slot in 0..<timing.pool { checkSessionName(role, slot: "\(slot)") }
    for output in role.outputs { check(output) }
  }

  private func checkSessionName(_ role: RoleSettings, slot: String) {
    do throws(SessionNameTemplate.Problem) {
      let name = try role.sessionName.expand(host: host.name, role: role.name, slot: slot)
      let isPlain = name.utf8.allSatisfy { byte in
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
          || ".@-_".utf8.contains(byte)
      }
      require((2...64).contains(name.utf8.count) && isPlain, "a session name '\(name)'")
    } catch {
      require(false, "no session name from '\(role.sessionName)': \(error)")
    }
  }

  private func check(_ output: OutputSettings) {
    require(output.mode & ~0o644 == 0, "a file of mode \(String(output.mode, radix: 8))")
    switch output.location {
    case .roleDirectory(let name):
      require(!name.contains("/") && ![".", "..", ""].contains(name), "a file named '\(name)' in the role's directory")
    case .elsewhere(let path): check(path)
    }
  }

  private func checkPaths() {
    for path in [settings.socket.path, settings.filesDirectory, settings.sts.caFile].compactMap({ $0 }) { check(path) }
    let places = settings.roles.flatMap { role in role.outputs.map { "\(place(of: $0, role))" } }
    require(Set(places).count == places.count, "two outputs at one place: \(places)")
    for taken in [
      settings.socket.path, settings.sts.caFile, FuzzHost.mainPath, FuzzHost.rolesPath, "/run/rolekeeper/generations",
    ].compactMap({ $0 }) {
      require(!places.contains(taken), "an output over \(taken)")
    }
  }

  private func place(of output: OutputSettings, _ role: RoleSettings) -> String {
    switch output.location {
    case .roleDirectory(let name): "\(settings.filesDirectory)/\(role.name)/\(name)"
    case .elsewhere(let path): path
    }
  }

  private func check(_ path: String) {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    let isNormal = parts.first == "" && parts.dropFirst().allSatisfy { !["", ".", ".."].contains($0) }
    require(isNormal && path.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F }, "a path '\(path)'")
  }
}
