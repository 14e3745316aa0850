import Glibc

/// A rolekeeperd of a test's own, and what a client of its socket does.
package final class DaemonProcess {
  package let child: ChildProcess
  package let notify: NotifySocket
  package let socketPath: String
  package let configPath: String

  /// Starts the daemon with the settings file at `configPath`, which names `socketPath` as its socket, and with the variables of our unit.
  ///
  /// `wrapper` are words before the program's own, such as setpriv(1) and its options. `stored` are descriptors that an earlier process
  /// stored; they stay stored, as with systemd, until this one removes them. `listeners` are passed on before those.
  package init(
    configPath: String, socketPath: String, in directory: TemporaryDirectory, named name: String = "daemon",
    wrapper: [String] = [], environment: [String: String] = [:], options: [String] = [],
    listeners: [(name: String, descriptor: CInt)] = [], stored: [(name: String, descriptor: CInt)] = []
  ) throws {
    self.configPath = configPath
    self.socketPath = socketPath
    notify = try NotifySocket(in: directory, named: "\(name).notify", stored: stored)
    var variables = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "NOTIFY_SOCKET": notify.path]
    variables.merge(Programs.unitEnvironment) { $1 }
    variables.merge(environment) { $1 }
    var words = wrapper + [Programs.daemon, "--config", configPath] + options
    let passed = listeners + stored
    if !passed.isEmpty {
      variables["LISTEN_FDS"] = "\(passed.count)"
      variables["LISTEN_FDNAMES"] = passed.map(\.name).joined(separator: ":")
      // Only the process itself knows its number (sd_listen_fds(3)).
      words = ["/bin/sh", "-c", "export LISTEN_PID=$$; exec \"$@\"", "sh"] + words
    }
    child = try ChildProcess(
      words, environment: variables, in: directory, named: name, descriptors: passed.map(\.descriptor))
  }

  /// Waits until it says that it is ready, at most 15 s; throws what it wrote when it ended instead.
  package func awaitReady() throws {
    do {
      try notify.wait(for: "READY=1", seconds: child.statusIfEnded == nil ? 15 : 1)
    } catch {
      throw ProgramEnded(name: "rolekeeperd", status: child.statusIfEnded ?? -1, errors: child.errors)
    }
  }

  /// All that it has logged.
  package var log: String { child.errors }

  package func awaitLog(_ words: String..., within seconds: Double = 20) throws {
    try eventually("a log line with \(words) in:\n\(log)", within: seconds) { logLines(words).isEmpty == false }
  }

  /// The log's lines that hold all of these words.
  package func logLines(_ words: [String]) -> [Substring] {
    log.split(separator: "\n").filter { line in words.allSatisfy { line.contains($0) } }
  }

  package func logLines(_ words: String...) -> [Substring] { logLines(words) }

  /// Makes one request on a connection of its own.
  package func request(_ method: String, _ target: String) throws -> HTTPReply {
    let connection = try StreamConnection(unix: socketPath)
    try connection.request(method, target)
    return try connection.readReply()
  }

  package func get(_ target: String) throws -> HTTPReply { try request("GET", target) }
  package func post(_ target: String) throws -> HTTPReply { try request("POST", target) }

  /// Opens the stream of events; it is open when this returns.
  package func events() throws -> StreamConnection {
    let connection = try StreamConnection(unix: socketPath)
    try connection.request("GET", "/v1/events")
    let reply = try connection.readReply()
    guard reply.status == 200 else { throw StreamError(attempt: "open the events", number: EPROTO) }
    return connection
  }
}
