package import Core
package import JSON

/// What a source has from its tier.
package struct TierStatus: WireDocument, Hashable, Sendable {
  /// The machine that handed out the bundle that is held, and this host, as the tier names them; nil before the first bundle.
  package var machine: String?
  package var host: String?
  package var url: String?
  /// When the bundle came, and when it was last confirmed to be the latest.
  package var bundleAt: UTCTime?
  package var confirmedAt: UTCTime?
  package var nextAt: UTCTime?
  /// How many roles it has.
  package var roles: Int64?
  /// The machines, in the order of the settings.
  package var urls: [EndpointStatus]

  package init(
    machine: String?, host: String?, url: String?, bundleAt: UTCTime?, confirmedAt: UTCTime?, nextAt: UTCTime?,
    roles: Int?, urls: [EndpointStatus]
  ) {
    self.machine = machine
    self.host = host
    self.url = url
    self.bundleAt = bundleAt
    self.confirmedAt = confirmedAt
    self.nextAt = nextAt
    self.roles = roles.map(Int64.init)
    self.urls = urls
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    machine = try value.optionalText("machine")
    host = try value.optionalText("host")
    url = try value.optionalText("url")
    bundleAt = try value.optionalTime("bundle_at")
    confirmedAt = try value.optionalTime("confirmed_at")
    nextAt = try value.optionalTime("next_at")
    roles = try value.optionalInteger("roles")
    var urls: [EndpointStatus] = []
    if let list = value["urls"] {
      try list.forEachItem { (item: borrowing JSONValue) throws(WireError) in
        urls.append(try EndpointStatus(item, failures: Self.failed))
      }
    }
    self.urls = urls
  }

  /// What a machine answers to that it refuses isn't unanswered.
  private static let failed = "failed"

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("machine", orNull: machine)
      json.member("host", orNull: host)
      json.member("url", orNull: url)
      json.member("bundle_at", bundleAt)
      json.member("confirmed_at", confirmedAt)
      json.member("next_at", nextAt)
      json.member("roles", orNull: roles)
      json.key("urls")
      json.array { json in for url in urls { url.write(to: &json, failures: Self.failed) } }
    }
  }
}
