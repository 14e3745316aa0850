import LocalSockets
import Logs
import Systemd

/// Log lines about a caller, with everything known about it: uid and, if available, the user's name, the process and its program.
final class CallerLog {
  private let log: Log
  private let names: UserNames
  /// The program of a user's process.
  private let program: (_ pid: Int32, _ uid: UInt32) -> String?

  init(
    log: Log, names: UserNames,
    program: @escaping (_ pid: Int32, _ uid: UInt32) -> String? = { CallerProgram.name(pid: $0, uid: $1) }
  ) {
    self.log = log
    self.names = names
    self.program = program
  }

  /// `uid 1001 (alice)`, as far as it is known without asking a name service.
  func shown(_ uid: UInt32) -> String { "uid \(uid)\(names.known(uid).map { " (\($0))" } ?? "")" }

  /// Logs an event at once, or when the user's name has been found: 2 s later at most. Without `pid` it is only about the user. `process` is
  /// what is known of the process; nil where that wasn't looked up.
  func write(
    _ event: LogEvent, _ fields: [LogField], uid: UInt32, pid: Int32? = nil,
    process: @autoclosure () -> PeerProcess? = nil
  ) {
    guard log.takes(event) else { return }
    var fields = fields + [.uid(uid)]
    if let pid {
      fields.append(.pid(pid))
      // Determined now, since the process may soon be gone.
      let process = process()
      if let program = process == nil ? program(pid, uid) : process?.program { fields.append(.program(program)) }
      if let unit = process?.unit { fields.append(.unit(unit)) }
    }
    names.name(of: uid) { [log, fields] name in
      let user = name.map { [LogField.user(CallerProgram.escaped(Array($0.utf8)))] } ?? []
      log.write(event, fields + user)
    }
  }

  /// Writes the lines that wait for a name.
  func flush() { names.flush() }
}
