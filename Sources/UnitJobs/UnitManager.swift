package import Core
package import Systemd

/// The service manager, as far as units are reloaded. No completion is called from within the call.
package protocol UnitManager: AnyObject {
  /// Called with the number and the result of each job that has ended, from the first call on until `close` (org.freedesktop.systemd1(5), JobRemoved).
  var jobRemoved: (UInt32, String) -> Void { get set }
  /// Called when jobs may have ended without `jobRemoved`.
  var lost: () -> Void { get set }

  /// Finds the loaded units that match a pattern with wildcards, and each unit that a pattern without wildcards names, whether there is one or not.
  func find(
    _ patterns: [UnitPattern],
    completion: @escaping (Result<[ManagerConnection.Unit], ManagerConnection.CallError>) -> Void)

  /// Queues a job that reloads a unit that is active, or restarts it if it can't be reloaded; the result is the job's number.
  func reloadOrTryRestart(
    _ unit: UnitName, completion: @escaping (Result<UInt32, ManagerConnection.CallError>) -> Void)

  /// Closes the connection; no call or job is outstanding.
  func close()
}
