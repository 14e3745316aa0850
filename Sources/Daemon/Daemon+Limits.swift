import CLinux
import HTTPServer
import LocalSockets
import Logs
import Settings

/// How many connections there may be: what the settings say, as far as descriptors reach.
extension Daemon {
  /// What we open ourselves at most: connections to STS, files on their way, timers and the like.
  private static let ownDescriptors = 56

  /// Clients never take the descriptors that refreshes need.
  func limits(_ socket: SocketSettings) -> ServerLimits {
    var limits = ServerLimits()
    limits.maximumConnections = socket.maxConnections
    limits.maximumConnectionsPerUID = socket.maxConnectionsPerUID
    let descriptors = Int(clamping: clinux_descriptor_limit())
    // The listener and its connections.
    let units = settings.credentials == nil ? 0 : Self.mostUnits + 1
    limits.fit(into: max(0, descriptors - Self.ownDescriptors - units))
    if limits.maximumConnections < socket.maxConnections {
      log.write(
        .fewerConnections,
        [
          .count(limits.maximumConnections),
          .reason("the limit of descriptors is \(descriptors); raise 'LimitNOFILE=' of the unit"),
        ])
    }
    // The loop never waits for more of them than there were at the start.
    DescriptorTable.reserve(min(descriptors, limits.descriptors + Self.ownDescriptors + units))
    return limits
  }
}
