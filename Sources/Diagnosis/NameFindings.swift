import Core
import HTTPClient
package import Settings
import Systemd

/// Looks up the names that the daemon looks up: those of the endpoints or, if there is a proxy, the proxy's.
package struct NameFindings {
  private let hosts: [String]
  private let limit: Duration
  private let lookUp: @Sendable (String) -> Result<[String], HostNames.Unresolved>

  package init(_ sts: STSSettings) {
    self.init(sts, lookUp: HostNames.addresses)
  }

  init(_ sts: STSSettings, lookUp: @escaping @Sendable (String) -> Result<[String], HostNames.Unresolved>) {
    let all = sts.proxy.map { [$0.address.host] } ?? sts.endpoints.map(\.host)
    hosts = all.enumerated().filter { all.firstIndex(of: $0.element) == $0.offset }.map(\.element)
    limit = sts.lookupTimeout
    self.lookUp = lookUp
  }

  package func findings() throws -> [Finding] {
    let loop = try EventLoop()
    return try hosts.filter { !HostNames.isAddress($0) }.map { try finding($0, loop) }
  }

  private func finding(_ host: String, _ loop: EventLoop) throws -> Finding {
    let subject = "name \(host)"
    var answer: Result<[String], HostNames.Unresolved>?
    let begun = EventLoop.bootTime()
    let lookUp = lookUp
    let call = try loop.call({ lookUp(host) }) { answer = $0 }
    defer { withExtendedLifetime(call) {} }
    while answer == nil {
      let left = limit - .microseconds(EventLoop.bootTime() - begun)
      guard left > .zero else {
        return Finding(
          .failed, subject, "this host's resolver didn't answer within \(limit.text)",
          next: "look at /etc/resolv.conf and whether its name servers answer: getent ahosts \(ShellWord.quoted(host))")
      }
      try loop.runOnce(timeout: left)
    }
    let took = "\(max(1, (EventLoop.bootTime() - begun) / 1000)) ms"
    switch answer {
    case .success(let addresses):
      let more = addresses.count > 1 ? " and \(addresses.count - 1) more" : ""
      return Finding(.ok, subject, "is \(addresses[0])\(more), in \(took)")
    case .failure(let failure):
      return Finding(
        .failed, subject, "no address: \(failure.why)",
        next: "look at the name in [sts], /etc/resolv.conf and /etc/hosts: getent ahosts \(ShellWord.quoted(host))")
    case nil: return Finding(.skipped, subject, "no answer")
    }
  }
}
