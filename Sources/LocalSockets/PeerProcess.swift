import CLinux
package import Core
import Glibc

/// The process that opened a connection: what the kernel reports of it beside `Peer`, when it is looked up. The process may have changed its
/// program or its control group since it connected.
package struct PeerProcess: Hashable, Sendable {
  /// The system unit that runs it; nil for none, and when it can't be seen.
  package let unit: UnitName?
  /// Its program, as `ProcessDirectory.program` has it.
  package let program: String?

  package init(unit: UnitName? = nil, program: String? = nil) {
    self.unit = unit
    self.program = program
  }
}

/// Finds the processes of connections, so that a process whose number was given to another one is never taken for that one.
///
/// The kernel keeps the process that connected, whatever becomes of its number, and hands it out as a pidfd (SO_PEERPIDFD, Linux 6.5). If
/// that process still runs after /proc was read by its number, the number was its own all the while. Older kernels have only the number
/// (SO_PEERCRED): then the process has to be of the connection's user, has to have started before the connection was accepted, and its start
/// is looked at again after the reading.
package struct PeerProcessReader {
  private let proc: String
  private let pidfd: (_ connection: CInt) -> CInt
  /// The control groups of the service manager, which doesn't leave them.
  private var managers: String?

  /// `proc` and `pidfd` are the kernel's, except in tests; `pidfd` returns a descriptor or a negative errno.
  package init(proc: String = "/proc", pidfd: @escaping (CInt) -> CInt = { clinux_peer_pidfd($0) }) {
    self.proc = proc
    self.pidfd = pidfd
  }

  /// Nil when it can't be found out: the process has exited, /proc hides it, or descriptors have run out. `accepted` is when the connection was
  /// accepted, or later.
  package mutating func process(of connection: CInt, _ peer: Peer, accepted: Timestamp) -> PeerProcess? {
    let handle = pidfd(connection)
    guard handle >= 0 else {
      return handle == -ENOPROTOOPT ? process(numbered: peer.pid, of: peer.uid, startedBy: accepted) : nil
    }
    defer { close(handle) }
    guard let directory = ProcessDirectory(peer.pid, in: proc) else { return nil }
    let found = process(directory)
    // Readable once the process has exited (pidfd_open(2)); until then nobody else gets its number.
    var question = pollfd(fd: handle, events: Int16(POLLIN), revents: 0)
    return poll(&question, 1, 0) == 0 ? found : nil
  }

  private mutating func process(numbered pid: Int32, of uid: UInt32, startedBy accepted: Timestamp) -> PeerProcess? {
    guard let directory = ProcessDirectory(pid, in: proc), directory.isOf(uid), let start = directory.startTicks,
      start * Self.tick <= accepted.microseconds
    else { return nil }
    let found = process(directory)
    return ProcessDirectory(pid, in: proc)?.startTicks == start ? found : nil
  }

  private mutating func process(_ directory: borrowing ProcessDirectory) -> PeerProcess {
    if managers == nil { managers = ProcessDirectory(1, in: proc)?.controlGroups }
    let group = managers.flatMap { managers in
      directory.controlGroups.flatMap { ManagedGroup($0, managers: managers) }
    }
    return PeerProcess(unit: group?.callingUnit, program: directory.program)
  }

  /// In µs.
  private static let tick = 1_000_000 / Int64(max(1, sysconf(CInt(_SC_CLK_TCK))))
}
