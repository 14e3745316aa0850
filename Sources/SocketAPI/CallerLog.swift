import Core
import LocalSockets
import Logs
import Systemd

/// Log lines about a caller, with everything known about it: uid and, if available, the user's name, the process and its program.
final class CallerLog {
  /// What is known of a line's process beside its number.
  enum Process {
    /// What a look by the connection found; nil when the process is gone or can't be seen. Its number isn't looked up then: by now it may be
    /// another process's, whose program the line would name.
    case connected(PeerProcess?)
    /// It wasn't looked at. The process that has the number now is taken for it if it is the same user's.
    case numbered
  }

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
  func shown(_ uid: UInt32) -> String { "uid \(uid)\(name(uid).map { " (\($0))" } ?? "")" }

  /// The user's name, as far as it is known likewise.
  func name(_ uid: UInt32) -> String? { names.known(uid) }

  /// Calls `body` once with the user's name, or why there is none, after 2 s at most: at once or in a later turn.
  func findName(of uid: UInt32, _ body: @escaping (UserNames.Outcome) -> Void) { names.find(uid, body) }

  /// Logs an event at once, or when the user's name has been found: 2 s later at most. Without `pid` it is only about the user.
  func write(
    _ event: LogEvent, _ fields: [LogField], uid: UInt32, pid: Int32? = nil,
    process: @autoclosure () -> Process = .numbered
  ) {
    guard log.takes(event) else { return }
    // Nobody's: nothing is known of the caller.
    if uid == Peer.unidentified.uid { return log.write(event, fields) }
    var fields = fields + [.uid(uid)]
    if let pid {
      fields.append(.pid(pid))
      // Determined now, since the process may soon be gone.
      let found = found(pid, uid, process())
      if let program = found?.program { fields.append(.program(program)) }
      if let unit = found?.unit { fields.append(.unit(unit)) }
    }
    names.name(of: uid) { [log, fields] name in
      let user = name.map { [LogField.user(CallerProgram.escaped(Array($0.utf8)))] } ?? []
      log.write(event, fields + user)
    }
  }

  private func found(_ pid: Int32, _ uid: UInt32, _ process: Process) -> PeerProcess? {
    switch process {
    case .connected(let process): process
    case .numbered: PeerProcess(program: program(pid, uid))
    }
  }

  /// Writes the lines that wait for a name.
  func flush() { names.flush() }
}
