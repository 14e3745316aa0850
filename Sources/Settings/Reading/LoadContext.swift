import Core

/// What one run of the loader shares among its readers.
final class LoadContext {
  let host: any Host
  let findings = Findings()
  let principals: Principals
  let trust: PathTrust
  let policies: PolicyFiles
  let reach = SocketReach()
  /// Of all roles whose times are sound, whatever else is wrong with them.
  var timings: [RoleTiming] = []

  init(host: any Host) {
    self.host = host
    principals = Principals(host: host)
    trust = PathTrust(host: host, findings: findings)
    policies = PolicyFiles(host: host, findings: findings, trust: trust)
  }
}
