/// The requests that arrived, and their results.
package struct CallCounts: Sendable {
  /// A request that reached the service.
  package struct Arrival: Sendable, Equatable {
    package let time: WallTime
    /// As claimed by the request; empty when it claims none.
    package let action: String
    package let role: String
    package let sessionName: String
    package let keyID: String
    package let nonce: String
    /// The `host` header, and the region that it means; empty for other services than STS and VOD.
    package let host: String
    package let region: String
    /// `OK`, an error code, or the fault that replaced an answer, such as `refused`.
    package let result: String

    /// Texts come from the sender and may be long; at most 256 characters of each are kept.
    init(
      time: WallTime, action: String, role: String, sessionName: String, keyID: String, nonce: String, host: String,
      region: String = "", result: String
    ) {
      self.time = time
      self.action = Self.cut(action)
      self.role = Self.cut(role)
      self.sessionName = Self.cut(sessionName)
      self.keyID = Self.cut(keyID)
      self.nonce = Self.cut(nonce)
      self.host = Self.cut(host)
      self.region = Self.cut(region)
      self.result = result
    }

    private static func cut(_ text: String) -> String { text.utf8.count <= 256 ? text : String(text.prefix(256)) }
  }

  package struct Line: Sendable, Hashable {
    package let action: String
    package let role: String
    package let result: String
  }

  /// Requests to a region, by action and result.
  package struct RegionLine: Sendable, Hashable {
    package let region: String
    package let action: String
    package let result: String
  }

  private static let remembered = 1000

  package private(set) var counts: [Line: Int] = [:]
  package private(set) var regionCounts: [RegionLine: Int] = [:]
  /// The latest arrivals, at most 1000, oldest first.
  package var recent: [Arrival] { arrivals.suffix(Self.remembered) }
  private var arrivals: [Arrival] = []

  package var total: Int { counts.values.reduce(0, +) }

  /// How many requests had these properties; nil stands for any.
  package func count(action: String? = nil, role: String? = nil, result: String? = nil) -> Int {
    counts.reduce(0) { sum, entry in
      let line = entry.key
      let fits =
        (action == nil || line.action == action) && (role == nil || line.role == role)
        && (result == nil || line.result == result)
      return fits ? sum + entry.value : sum
    }
  }

  mutating func note(_ arrival: Arrival) {
    let line = Line(action: arrival.action, role: arrival.role, result: arrival.result)
    // Names are chosen by the sender; a flood of them must not grow the table.
    let known = counts[line] != nil || counts.count < Self.remembered
    counts[known ? line : Line(action: "other", role: "", result: arrival.result), default: 0] += 1
    let regionLine = RegionLine(region: arrival.region, action: arrival.action, result: arrival.result)
    if !arrival.region.isEmpty, regionCounts[regionLine] != nil || regionCounts.count < Self.remembered {
      regionCounts[regionLine, default: 0] += 1
    }
    arrivals.append(arrival)
    // Not for each arrival, since all others have to be moved.
    if arrivals.count >= 2 * Self.remembered { arrivals.removeFirst(arrivals.count - Self.remembered) }
  }
}
