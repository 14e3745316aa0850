import CLinux
import HTTPServer
import LocalSockets
import Logs
import Settings

/// The maximum number of connections: the settings', or fewer if there aren't enough descriptors.
extension Daemon {
  /// The most descriptors that the daemon opens itself: connections to STS, files that are being written, timers and others.
  private static let ownDescriptors = 56

  /// Clients never take the descriptors that refreshes need.
  func limits(_ socket: SocketSettings) -> ServerLimits {
    var limits = ServerLimits()
    limits.maximumConnections = socket.maxConnections
    limits.maximumConnectionsPerUID = socket.maxConnectionsPerUID
    limits.proxyUID = settings.fleet?.trustedProxy
    let descriptors = Int(clamping: clinux_descriptor_limit())
    // The listener and its connections.
    let units = settings.credentials == nil ? 0 : Self.mostUnits + 1
    let loopback = LoopbackServers.mostDescriptors(settings.loopback)
    limits.fit(into: max(0, descriptors - Self.ownDescriptors - units - loopback))
    if limits.maximumConnections < socket.maxConnections {
      log.write(
        .fewerConnections,
        [
          .count(limits.maximumConnections),
          .reason("the limit of descriptors is \(descriptors); raise 'LimitNOFILE=' of the unit"),
        ])
    }
    // The loop never waits for more of them than there were at the start.
    DescriptorTable.reserve(min(descriptors, limits.descriptors + Self.ownDescriptors + units + loopback))
    return limits
  }
}
