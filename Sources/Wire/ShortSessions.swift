internal import Core
package import JSON

/// The lifetime that STS grants to a role's refreshes, if it is too short to keep the floor, in whole seconds.
package struct ShortSessions: WireDocument, Hashable, Sendable {
  package var granted: Duration
  package var asked: Duration
  package var floor: Duration

  package init(granted: Duration, asked: Duration, floor: Duration) {
    (self.granted, self.asked, self.floor) = (granted, asked, floor)
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    granted = .seconds(try value.integer("granted"))
    asked = .seconds(try value.integer("asked"))
    floor = .seconds(try value.integer("floor"))
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("granted", granted.wholeSeconds)
      json.member("asked", asked.wholeSeconds)
      json.member("floor", floor.wholeSeconds)
    }
  }
}
