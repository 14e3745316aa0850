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
    var calls: [Arrival] = []
    let text = Array(try ask("GET", "/requests/recent").utf8)
    try JSONDocument(text.span).root["requests"]?.forEachItem { request in
      guard request["role"]?.string() == role, request["action"]?.string() == "AssumeRole" else { return }
      calls.append(
        Arrival(
          host: request["host"]?.string() ?? "", nonce: request["nonce"]?.string() ?? "",
          result: request["result"]?.string() ?? ""))
    }
    return calls
  }
}
