package import Core
package import Systemd

/// The service manager over the system bus: connected from the first call until `close` or a broken connection.
///
/// So a bus that is missing or breaks is looked for again by the next attempt, and the manager has no subscriber most of the time.
package final class SystemBus: UnitManager {
  package var jobRemoved: (UInt32, String) -> Void = { _, _ in }
  package var lost: () -> Void = {}

  private let loop: EventLoop
  private var connection: ManagerConnection?
  /// Failures of calls that couldn't be sent, to be reported in a later turn.
  private var failures: [() -> Void] = []
  private var reports: (any Deferral)!

  package init(_ loop: EventLoop) {
    self.loop = loop
    reports = loop.deferred { [unowned self] in
      let due = failures
      failures = []
      for report in due { report() }
    }
  }

  package func find(
    _ patterns: [UnitPattern],
    completion: @escaping (Result<[ManagerConnection.Unit], ManagerConnection.CallError>) -> Void
  ) {
    let names = patterns.filter { $0.name != nil }.map(\.description)
    let others = patterns.filter { $0.name == nil }.map(\.description)
    send(completion) { connection throws(LoopError) in
      if others.isEmpty { return try connection.units(named: names, completion: completion) }
      try connection.units(matching: others) { [unowned self] result in
        guard case .success(let found) = result, !names.isEmpty else { return completion(result) }
        send(completion) { connection throws(LoopError) in
          try connection.units(named: names) { result in
            let known = Set(found.map(\.name))
            completion(result.map { found + $0.filter { !known.contains($0.name) } })
          }
        }
      }
    }
  }

  package func reloadOrTryRestart(
    _ unit: UnitName, completion: @escaping (Result<UInt32, ManagerConnection.CallError>) -> Void
  ) {
    send(completion) { connection throws(LoopError) in
      try connection.reloadOrTryRestart(unit.description, completion: completion)
    }
  }

  package func close() { connection = nil }

  private func send<Value>(
    _ completion: @escaping (Result<Value, ManagerConnection.CallError>) -> Void,
    _ call: (ManagerConnection) throws(LoopError) -> Void
  ) {
    do throws(LoopError) { try call(connected()) } catch {
      let failure = ManagerConnection.CallError(name: ManagerConnection.CallError.noServer, text: error.cause)
      failures.append { completion(.failure(failure)) }
      reports.schedule()
    }
  }

  private func connected() throws(LoopError) -> ManagerConnection {
    if let connection { return connection }
    let new = try ManagerConnection(
      loop, jobRemoved: { [unowned self] in jobRemoved($0, $1) },
      lost: { [unowned self] in
        connection = nil
        lost()
      })
    connection = new
    return new
  }
}
