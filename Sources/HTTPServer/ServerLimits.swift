/// Limits on what clients may use of the server.
package struct ServerLimits: Sendable {
  /// Open connections of all users; `reservedConnections` more are for privileged peers.
  package var maximumConnections = 1024
  package var reservedConnections = 16
  package var maximumConnectionsPerUID = 64
  /// The user of a proxy, which connects for many clients: instead of `maximumConnectionsPerUID` it has all of `maximumConnections`, and its
  /// heads may have `proxyHeadSize` bytes. Nil for none.
  package var proxyUID: UInt32?
  /// The number of refused clients that are kept while they read the reason.
  package var maximumLingering = 64

  /// From the connection's start, or a later request's first byte, to the end of the head; trickling bytes don't extend it.
  package var headTime: Duration = .seconds(5)
  /// From an answer to the next request's first byte.
  package var idleTime: Duration = .seconds(60)
  /// From an answer until the client has taken its last byte; it counts once the socket's buffer is full.
  package var drainTime: Duration = .seconds(10)
  /// How long a refused client may take to read the reason.
  package var lingerTime: Duration = .seconds(1)

  /// The request line and the header lines including their ends, in bytes.
  package var headSize = 8192
  /// The same for the proxy, which sends a client's certificate in a header. Percent-encoded, one with an RSA key of 4096 bits, signed by
  /// another, takes 2.3 kB with one DNS name and 5.7 kB with a hundred; post-quantum ones will take more than twice as much.
  package var proxyHeadSize = 16_384
  /// How many bytes a stream's reader may be behind.
  package var streamLag = 65536

  package init() {}

  /// How many connections may be open at once, including the reserved and the refused ones.
  package var descriptors: Int { maximumConnections + reservedConnections + maximumLingering }

  func headSize(of uid: UInt32) -> Int { uid == proxyUID ? proxyHeadSize : headSize }

  /// Nil for no limit but that of all users together.
  func ownConnections(of uid: UInt32) -> Int? { uid == proxyUID ? nil : maximumConnectionsPerUID }

  /// Reduces the numbers of connections to what `descriptors` suffice for, including the reserved and the refused ones.
  package mutating func fit(into descriptors: Int) {
    guard self.descriptors > descriptors else { return }
    maximumLingering = min(maximumLingering, descriptors / 8)
    reservedConnections = min(reservedConnections, descriptors / 8)
    maximumConnections = max(1, min(maximumConnections, descriptors - maximumLingering - reservedConnections))
  }
}
