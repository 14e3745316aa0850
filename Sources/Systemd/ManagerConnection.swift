import CSystemd

/// A connection to the service manager over the system bus, on the loop: no call waits.
///
/// It is made for a piece of work and released after that: the manager sends its signals to every connection that has subscribed.
package final class ManagerConnection {
  /// A unit as the manager lists it (org.freedesktop.systemd1(5), ListUnitsByPatterns).
  package struct Unit: Hashable, Sendable {
    package let name: String
    /// `loaded`, `masked`, `not-found`, `error` and others.
    package let loadState: String
    /// `active`, `reloading`, `inactive`, `failed`, `activating`, `deactivating` and others.
    package let activeState: String
    /// Of a service `running`, `auto-restart` and others.
    package let subState: String
    /// Its pending job; 0 if there is none.
    package let job: UInt32

    package init(name: String, loadState: String, activeState: String, subState: String, job: UInt32) {
      self.name = name
      self.loadState = loadState
      self.activeState = activeState
      self.subState = subState
      self.job = job
    }
  }

  /// Why a call has failed: a D-Bus error, whose name is fixed; its text differs by version.
  package struct CallError: Error, Hashable, Sendable, CustomStringConvertible {
    /// The name where there is no bus, among those that the bus's own errors have (D-Bus specification, org.freedesktop.DBus.Error).
    package static let noServer = "org.freedesktop.DBus.Error.NoServer"

    package let name: String
    package let text: String

    package init(name: String, text: String) {
      self.name = name
      self.text = text
    }

    package var description: String { text.isEmpty ? name : "\(text) (\(name))" }
  }

  private enum Call {
    case list((Result<[Unit], CallError>) -> Void)
    case refresh((Result<UInt32, CallError>) -> Void)
  }

  private var raw: OpaquePointer?
  private var calls: [UInt64: Call] = [:]
  private var latest: UInt64 = 0
  /// Of the answer that is being read.
  private var found: [Unit] = []
  private let jobRemoved: (UInt32, String) -> Void
  private let lost: () -> Void

  /// `jobRemoved` gets the number and the result of each job that ends; `lost` is called once when the connection has ended, after every call
  /// under way has failed. `address` is the bus's as in sd_bus_set_address(3), nil for the system bus. Throws if there is none to connect to.
  package init(
    _ loop: EventLoop, address: String? = nil, jobRemoved: @escaping (UInt32, String) -> Void,
    lost: @escaping () -> Void
  ) throws(LoopError) {
    self.jobRemoved = jobRemoved
    self.lost = lost
    let handlers = csystemd_manager_handlers(
      unit: { context, name, load, active, sub, job in
        ManagerConnection.from(context).found.append(
          Unit(
            name: String(cString: name!), loadState: String(cString: load!), activeState: String(cString: active!),
            subState: String(cString: sub!), job: job))
      },
      ended: { context, call, job, error, text in
        let failure = error.map { name in
          CallError(name: String(cString: name), text: text.map { String(cString: $0) } ?? "")
        }
        ManagerConnection.from(context).ended(call, job: job, failure)
      },
      removed: { context, job, result in
        let connection = ManagerConnection.from(context)
        withExtendedLifetime(connection) { connection.jobRemoved(job, String(cString: result!)) }
      },
      lost: { context in
        let lost = ManagerConnection.from(context).lost
        lost()
      })
    try check(
      csystemd_manager_open(loop.raw, address, handlers, Unmanaged.passUnretained(self).toOpaque(), &raw),
      "connect to the system bus")
  }

  deinit { csystemd_manager_close(raw) }

  private static func from(_ context: UnsafeMutableRawPointer?) -> ManagerConnection {
    Unmanaged<ManagerConnection>.fromOpaque(context!).takeUnretainedValue()
  }

  /// Finds the loaded units that match one of `patterns` (fnmatch(3) without escapes, so `[` is special).
  package func units(matching patterns: [String], completion: @escaping (Result<[Unit], CallError>) -> Void)
    throws(LoopError)
  {
    let call = add(.list(completion))
    try send(call, Self.withStrings(patterns) { csystemd_manager_list_patterns(raw, call, $0) })
  }

  /// Finds the units of these names, which the manager loads for that: one that there isn't has the load state `not-found`.
  package func units(named names: [String], completion: @escaping (Result<[Unit], CallError>) -> Void)
    throws(LoopError)
  {
    let call = add(.list(completion))
    try send(call, Self.withStrings(names) { csystemd_manager_list_names(raw, call, $0) })
  }

  /// Queues a job that reloads the unit, or restarts it if it can't be reloaded, and nothing unless it is active (ReloadOrTryRestartUnit, mode
  /// `fail`). The result is the job's number.
  package func reloadOrTryRestart(_ unit: String, completion: @escaping (Result<UInt32, CallError>) -> Void)
    throws(LoopError)
  {
    let call = add(.refresh(completion))
    try send(call, csystemd_manager_refresh(raw, call, unit))
  }

  private func add(_ call: Call) -> UInt64 {
    latest += 1
    calls[latest] = call
    return latest
  }

  private func send(_ call: UInt64, _ result: CInt) throws(LoopError) {
    guard result < 0 else { return }
    calls[call] = nil
    try check(result, "ask the service manager")
  }

  private static func withStrings(_ texts: [String], _ body: (UnsafePointer<UnsafePointer<CChar>?>) -> CInt) -> CInt {
    let bytes = texts.map { Array($0.utf8CString) }
    var starts: [Int] = []
    let all = bytes.reduce(into: [CChar]()) { whole, text in
      starts.append(whole.count)
      whole += text
    }
    return all.withUnsafeBufferPointer { all in
      let pointers: [UnsafePointer<CChar>?] = starts.map { all.baseAddress! + $0 } + [nil]
      return pointers.withUnsafeBufferPointer { body($0.baseAddress!) }
    }
  }

  /// Whoever is called may release the connection.
  private func ended(_ call: UInt64, job: UInt32, _ error: CallError?) {
    let units = found
    found = []
    switch calls.removeValue(forKey: call) {
    case .list(let completion): completion(error.map { .failure($0) } ?? .success(units))
    case .refresh(let completion): completion(error.map { .failure($0) } ?? .success(job))
    case nil: break
    }
  }
}

/// The unit that this process belongs to; nil outside of one, or where that can't be known.
package enum OwnUnit {
  package static var name: String? {
    var room = [CChar](repeating: 0, count: 300)
    guard csystemd_own_unit(&room, room.count) >= 0 else { return nil }
    let text = String(decoding: room.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    return text.isEmpty ? nil : text
  }
}
