/// What a client may take of the server.
package struct ServerLimits: Sendable {
  /// Open connections of everybody; `reservedConnections` more are for privileged peers.
  package var maximumConnections = 1024
  package var reservedConnections = 16
  package var maximumConnectionsPerUID = 64
  /// Refused clients that are let read why, all at once.
  package var maximumLingering = 64

  /// From the connection's start, or a later request's first byte, to the end of the head; bytes that trickle in
  /// don't extend it.
  package var headTime: Duration = .seconds(5)
  /// From an answer to the next request's first byte.
  package var idleTime: Duration = .seconds(60)
  /// From an answer to its last byte taken by the client; it counts once the socket's buffer is full.
  package var drainTime: Duration = .seconds(10)
  /// How long a client that was refused may take to read why.
  package var lingerTime: Duration = .seconds(1)

  /// A request's line and header lines with their ends, in bytes.
  package var headSize = 8192
  /// How many bytes a stream's reader may be behind.
  package var streamLag = 65536

  package init() {}

  /// How many connections may be open at once, the reserved and the refused ones among them.
  package var descriptors: Int { maximumConnections + reservedConnections + maximumLingering }

  /// Lessens how many connections there may be to what `descriptors` suffice for, the reserved and the refused ones among them.
  package mutating func fit(into descriptors: Int) {
    guard self.descriptors > descriptors else { return }
    maximumLingering = min(maximumLingering, descriptors / 8)
    reservedConnections = min(reservedConnections, descriptors / 8)
    maximumConnections = max(1, min(maximumConnections, descriptors - maximumLingering - reservedConnections))
  }
}
