package import Core
package import JSON

/// The hosts that a machine of a tier serves.
package struct FleetStatus: WireDocument, Hashable, Sendable {
  /// By their certificates, those that asked in the last 10 min and may read a role, and those that may read none.
  package var hosts: Int64
  package var refused: Int64
  /// Those whose request waits for news.
  package var waiting: Int64
  /// The name of the proxy's user; nil if it has none.
  package var proxy: String?
  package var proxyUID: Int64
  /// When the proxy's latest request came, and how long ago; nil if there was none since the daemon started.
  package var proxySeenAt: UTCTime?
  package var proxySeenAgo: Duration?
  /// Of all clients.
  package var connections: Int64
  package var mostConnections: Int64
  /// How many were refused in the present shortage, which lasts until none was refused for a minute.
  package var refusedConnections: Int64

  package init(
    hosts: Int, refused: Int, waiting: Int, proxy: String?, proxyUID: UInt32,
    proxySeen: (at: UTCTime, ago: Duration)?, connections: Int, mostConnections: Int, refusedConnections: Int
  ) {
    self.hosts = Int64(hosts)
    self.refused = Int64(refused)
    self.waiting = Int64(waiting)
    self.proxy = proxy
    self.proxyUID = Int64(proxyUID)
    proxySeenAt = proxySeen?.at
    proxySeenAgo = proxySeen?.ago
    self.connections = Int64(connections)
    self.mostConnections = Int64(mostConnections)
    self.refusedConnections = Int64(refusedConnections)
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    hosts = try value.integer("hosts")
    refused = try value.integer("refused_hosts")
    waiting = try value.integer("waiting")
    proxy = try value.optionalText("proxy")
    proxyUID = try value.integer("proxy_uid")
    proxySeenAt = try value.optionalTime("proxy_seen_at")
    proxySeenAgo = try value.optionalSpan("proxy_seen_ago")
    connections = try value.integer("connections")
    mostConnections = try value.integer("max_connections")
    refusedConnections = try value.integer("refused_connections")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("hosts", hosts)
      json.member("refused_hosts", refused)
      json.member("waiting", waiting)
      json.member("proxy", orNull: proxy)
      json.member("proxy_uid", proxyUID)
      json.member("proxy_seen_at", proxySeenAt)
      json.member("proxy_seen_ago", proxySeenAgo)
      json.member("connections", connections)
      json.member("max_connections", mostConnections)
      json.member("refused_connections", refusedConnections)
    }
  }
}

extension FleetStatus {
  /// In one line for people, without a subject.
  package var text: String {
    let user = proxy.map { "proxy '\($0)'" } ?? "proxy with uid \(proxyUID)"
    let seen = proxySeenAgo.map { "last seen \($0.text) ago" } ?? "not seen since the start"
    let taken = "connections \(connections) of \(mostConnections)"
    return "\(summary); \(user) \(seen); \(taken)\(refusedConnections > 0 ? ", \(refusedConnections) refused" : "")"
  }

  /// The hosts alone.
  package var summary: String {
    "\(hosts) host\(hosts == 1 ? "" : "s") in the last 10 min, \(waiting) waiting, \(refused) refused"
  }
}
