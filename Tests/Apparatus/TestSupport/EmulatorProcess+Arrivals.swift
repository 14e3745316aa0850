import JSON

/// One request as the emulator took it.
package struct Arrival: Hashable, Sendable {
  package let host: String
  package let nonce: String
  /// `OK` or an error code.
  package let result: String
}

extension EmulatorProcess {
  /// The AssumeRole calls of a role among the latest 1000 requests, the oldest first.
  package func calls(of role: String) throws -> [Arrival] {
    try arrivals { $0["role"]?.string() == role && $0["action"]?.string() == "AssumeRole" }
  }

  /// Whatever was sent to `host` among the latest 1000 requests, of any action, the oldest first.
  package func requests(to host: String) throws -> [Arrival] {
    try arrivals { $0["host"]?.string() == host }
  }

  /// When the calls of an action arrived, in microseconds, among the latest 1000 requests, the oldest first.
  package func times(of action: String) throws -> [Int64] {
    var times: [Int64] = []
    let text = Array(try ask("GET", "/requests/recent").utf8)
    try JSONDocument(text.span).root["requests"]?.forEachItem { request in
      guard request["action"]?.string() == action, let time = request["microseconds"]?.int else { return }
      times.append(time)
    }
    return times
  }

  /// How many AssumeRole calls came to a region, such as `cn-hangzhou`, with one result where that is given.
  package func calls(inRegion region: String, result: String? = nil) throws -> Int {
    var sum: Int64 = 0
    let text = Array(try ask("GET", "/requests").utf8)
    try JSONDocument(text.span).root["regions"]?.forEachItem { line in
      guard line["region"]?.string() == region, line["action"]?.string() == "AssumeRole" else { return }
      if let result, line["result"]?.string() != result { return }
      sum += line["count"]?.int ?? 0
    }
    return Int(sum)
  }

  /// Sets how many calls a region admits per second.
  package func setQuota(of region: String, perSecond limit: Int) throws {
    try ask("POST", "/quotas?region=\(region)&per_second=\(limit)")
  }

  package func clearQuotas() throws { try ask("DELETE", "/quotas") }

  private func arrivals(where matches: (borrowing JSONValue) -> Bool) throws -> [Arrival] {
    var found: [Arrival] = []
    let text = Array(try ask("GET", "/requests/recent").utf8)
    try JSONDocument(text.span).root["requests"]?.forEachItem { request in
      guard matches(request) else { return }
      found.append(
        Arrival(
          host: request["host"]?.string() ?? "", nonce: request["nonce"]?.string() ?? "",
          result: request["result"]?.string() ?? ""))
    }
    return found
  }
}
