package import Core
package import JSON

/// The answer to `GET /v1/status`: everything that an operator needs first.
package struct StatusReport: WireDocument, Hashable, Sendable {
  package var version: String
  package var pid: Int64
  package var startedAt: UTCTime?
  /// Whether there are roles and each has a session: the status of `/healthz`.
  package var isHealthy: Bool
  package var health: Health
  package var roles: [RoleStatus]
  package var sources: [SourceStatus]
  /// In the order in which they are tried.
  package var endpoints: [EndpointStatus]
  package var rate: RateStatus
  /// Nil from a daemon that is older than its command line.
  package var caFile: CAFileStatus?
  /// Nil if this machine serves no other hosts.
  package var fleet: FleetStatus?

  package init(
    version: String, pid: Int64, startedAt: UTCTime?, roles: [RoleStatus], sources: [SourceStatus],
    endpoints: [EndpointStatus], rate: RateStatus, health: Health, caFile: CAFileStatus? = nil,
    fleet: FleetStatus? = nil
  ) {
    self.version = version
    self.pid = pid
    self.startedAt = startedAt
    isHealthy = health.status != .failing
    self.health = health
    self.roles = roles
    self.sources = sources
    self.endpoints = endpoints
    self.rate = rate
    self.caFile = caFile
    self.fleet = fleet
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    version = try value.text("version")
    pid = try value.integer("pid")
    startedAt = try value.optionalTime("started_at")
    isHealthy = try value.bool("healthy")
    roles = try value.list("roles")
    sources = try value.list("sources")
    // May be missing in answers of a daemon that was started before the package was upgraded.
    endpoints = value["endpoints"] == nil ? [] : try value.list("endpoints")
    guard let rate = value["rate"] else { throw .missing("rate") }
    self.rate = try RateStatus(rate)
    caFile = try value.optionalDocument("ca_file")
    fleet = try value.optionalDocument("fleet")
    // The same here.
    if let health = value["health"] { self.health = try Health(health) } else { health = Health(of: roles) }
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    write(
      to: &json, roles: { json in for role in roles { role.write(to: &json) } },
      reasons: { json in for reason in health.reasons { reason.write(to: &json) } })
  }

  /// The line in three pieces, with the roles and the reasons of `health` in between, for callers that write these bit by bit.
  package func frame() -> [[UInt8]] {
    var json = JSONWriter([UInt8]())
    var gaps = ListGaps()
    write(to: &json, roles: { gaps.note($0) }, reasons: { gaps.note($0) })
    return gaps.pieces(of: json.finish())
  }

  private func write(
    to json: inout JSONWriter<[UInt8]>, roles: (inout JSONWriter<[UInt8]>) -> Void,
    reasons: (inout JSONWriter<[UInt8]>) -> Void
  ) {
    json.object { json in
      json.member("version", version)
      json.member("pid", pid)
      json.member("started_at", startedAt)
      json.member("healthy", isHealthy)
      json.key("roles")
      json.array(roles)
      json.member("sources", sources)
      json.member("endpoints", endpoints)
      json.key("rate")
      rate.write(to: &json)
      json.member("ca_file", orNull: caFile)
      if let fleet { json.member("fleet", orNull: fleet) }
      json.key("health")
      health.write(to: &json, reasons: reasons)
    }
  }
}

/// The rate of calls to STS: the setting, and what throttling has left of it.
package struct RateStatus: WireDocument, Hashable, Sendable {
  /// At present.
  package var requestsPerSecond: Double
  /// As in the settings.
  package var configured: Double
  /// Calls that wait for their turn.
  package var queued: Int64

  /// Whether throttling has left less than the settings allow.
  package var isLowered: Bool { requestsPerSecond < configured * 0.99 }

  /// Requests per second with significant digits only: `2`, `0.37`, `0.0009`.
  package static func text(_ number: Double) -> String { number.decimalText(places: 2, atLeast: 2) }

  package init(requestsPerSecond: Double, configured: Double, queued: Int64) {
    self.requestsPerSecond = requestsPerSecond
    self.configured = configured
    self.queued = queued
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    requestsPerSecond = try value.double("requests_per_second")
    configured = try value.double("configured")
    queued = try value.integer("queued")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.key("requests_per_second")
      json.double(requestsPerSecond)
      json.key("configured")
      json.double(configured)
      json.member("queued", queued)
    }
  }
}
