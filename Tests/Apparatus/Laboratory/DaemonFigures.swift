package import TestSupport

/// What a daemon uses of the machine and what it has done, by its own `/metrics`: it shows its memory to nobody else.
package struct DaemonFigures: Sendable {
  /// Memory of its own, in bytes.
  package let anonymous: Int
  /// All resident memory, libraries' pages included, in bytes.
  package let resident: Int
  /// Open descriptors, those of its clients' connections not counted.
  package let descriptors: Int
  /// Sessions fetched since its start, of the roles that it has now.
  package let rotations: Int

  package init(_ daemon: DaemonProcess) throws {
    let reply = try daemon.get("/metrics")
    guard reply.status == 200 else { throw NoCredential(reply: reply) }
    var values: [Substring: Int] = [:]
    var rotations = 0
    for line in reply.body.split(separator: "\n") where !line.hasPrefix("#") {
      let words = line.split(separator: " ")
      guard words.count == 2, let value = Double(words[1]) else { continue }
      if words[0].hasPrefix("rolekeeper_attempts_total{"), words[0].hasSuffix(#"code="Success"}"#) {
        rotations += Int(value)
      } else {
        values[words[0]] = Int(value)
      }
    }
    func figure(_ name: Substring) throws -> Int {
      guard let value = values[name] else { throw MissingFigure(name: String(name)) }
      return value
    }
    anonymous = try figure("rolekeeper_memory_anonymous_bytes")
    resident = try figure("rolekeeper_memory_resident_bytes")
    descriptors = try figure("rolekeeper_descriptors") - figure("rolekeeper_connections")
    self.rotations = rotations
  }
}

/// Bytes as people read them.
package func kibibytes(_ bytes: Int) -> String { "\(bytes / 1024) KiB" }

private struct MissingFigure: Error, CustomStringConvertible {
  let name: String

  var description: String { "/metrics has no '\(name)'" }
}
