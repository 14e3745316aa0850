import Core

/// Checks the times of `[sts]` against each other and against those of this host's resolver.
struct STSTimes {
  let connectTimeout: Duration
  let timeout: Duration
  /// How long this host's resolver needs for the slowest of the names; zero if all are addresses.
  private let resolverTime: Duration
  private let resolver: ResolverConfiguration

  init(connectTimeout: Duration, timeout: Duration, names: [String], host: any Host) {
    self.connectTimeout = connectTimeout
    self.timeout = timeout
    resolver = ResolverConfiguration(of: host)
    resolverTime = names.filter { !Self.isAddress($0) }.map(resolver.lookupTime).max() ?? .zero
  }

  /// Never less than what the resolver needs: otherwise, with the first name server down, no look-up would ever
  /// succeed.
  var lookupTimeout: Duration { max(connectTimeout, resolverTime) }

  func report(to table: TableReader) {
    typealias Keys = Schema.STS
    if resolver.nameServers > 1, resolverTime > connectTimeout {
      table.findings.warning(
        table.place(of: Keys.connectTimeout),
        "is \(connectTimeout.text), and this host's resolver takes up to \(resolverTime.text) when its first name server is silent "
          + "(timeout:\(resolver.timeout) in \(ResolverConfiguration.path)); a look-up is given that time all the same, and requests then begin as late",
        "write connect_timeout = \"\(resolverTime.text)\", or 'options timeout:1' in \(ResolverConfiguration.path)")
    }
    if connectTimeout > timeout {
      table.findings.warning(
        table.place(of: Keys.connectTimeout),
        "is \(connectTimeout.text), longer than timeout, \(timeout.text), which ends the whole request before",
        "write timeout = \"\(connectTimeout.text)\" or more, or a shorter connect_timeout")
    }
  }

  /// Whether it is an IPv4 address in digits or an IPv6 address in brackets, as `Endpoint` takes them.
  private static func isAddress(_ host: String) -> Bool {
    host.hasPrefix("[")
      || host.utf8.allSatisfy { $0.isDigit || $0 == UInt8(ascii: ".") }
  }
}
