import Core
import Daemon
import Handover
import LocalSockets
import Logs
import Systemd

/// What the service manager passed to this process.
struct PassedDescriptors {
  let sockets: InheritedSockets
  /// What earlier processes of the service left; nil if the ID of this boot isn't known, since nothing of it can be
  /// used then.
  var inheritance: Inheritance?

  /// May be called only once.
  static func take(_ log: Log) -> Self {
    var descriptors = InheritedDescriptors.take()
    // The default of FileDescriptorName= is the unit's name (systemd.socket(5)).
    let sockets = InheritedSockets(
      api: socket(RolekeeperUnit.socket, among: &descriptors, log),
      credentials: socket(RolekeeperUnit.credentialsSocket, among: &descriptors, log))
    let stores = descriptors.take { InheritedStore.number(of: $0) != nil }
    let others = descriptors.closeRest()
    if !others.isEmpty {
      let names = Set(others).sorted().map { "'\($0)'" }.joined(separator: ", ")
      log.write(
        .inheritedNotUsed,
        [
          .reason(
            "descriptors named \(names); the daemon's sockets are named '\(RolekeeperUnit.socket)' and '\(RolekeeperUnit.credentialsSocket)'"
          )
        ])
    }
    return Self(sockets: sockets, inheritance: inheritance(of: stores, log))
  }

  private static func socket(_ unit: String, among descriptors: inout InheritedDescriptors, _ log: Log)
    -> InheritedSocket?
  {
    var socket: InheritedSocket?
    for descriptor in descriptors.take(named: unit) {
      do {
        if socket == nil { socket = try InheritedSocket(descriptor) }
      } catch {
        log.write(.inheritedNotUsed, [.reason("\(error)")])
      }
    }
    return socket
  }

  private static func inheritance(of stores: [(name: String, descriptor: CInt)], _ log: Log) -> Inheritance? {
    guard let boot = BootID.current else { return nil }
    let store = InheritedStore(stores, boot: boot)
    for defect in store.defects {
      log.write(.handoverNotUsed, [.reason("'\(defect.name)': \(defect.reason)")])
    }
    return Inheritance(boot: boot, store: store)
  }
}
