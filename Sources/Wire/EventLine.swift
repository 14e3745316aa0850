package import Core
package import JSON

/// A line of `GET /v1/events` that is about no role: it shows that the daemon and the connection are alive.
package struct Heartbeat: WireDocument, Hashable, Sendable {
  /// The time between two of them. A reader that gets no line for several times as long has lost the daemon.
  package static let interval = Duration.seconds(30)
  /// The value of `event`.
  static let word = "heartbeat"

  package var time: UTCTime?

  package init(time: UTCTime?) { self.time = time }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    guard try value.text("event") == Self.word else { throw .malformed("event") }
    time = try value.optionalTime("time")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("time", time)
      json.member("event", Self.word)
    }
  }
}

/// A line of `GET /v1/events`, as its readers distinguish them.
package enum EventLine: Hashable, Sendable {
  case role(RoleEvent)
  case heartbeat
  /// An event of a later version, or no event at all.
  case unknown

  package init(parsing text: Span<UInt8>) {
    if let event = try? RoleEvent(parsing: text) {
      self = .role(event)
    } else if (try? Heartbeat(parsing: text)) != nil {
      self = .heartbeat
    } else {
      self = .unknown
    }
  }
}
