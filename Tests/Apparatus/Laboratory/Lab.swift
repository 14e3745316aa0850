package import Core
import Glibc
import Secrets
package import TestSupport
package import Wire

/// A cloud and a daemon that uses it, both of one test alone.
package final class Lab {
  package let directory: TemporaryDirectory
  package let emulator: EmulatorProcess
  package var draft: SettingsDraft
  package let configPath: String
  /// Set by `start`.
  package private(set) var daemon: DaemonProcess!

  /// Starts the emulator and writes the AccessKey and the settings, as `adjust` wants them. `start` starts the daemon.
  ///
  /// `wrapper` are words before the emulator's own, as for the daemon. All files lie in a directory of their own in `parent`, or where
  /// TMPDIR says. `hasStorage` is whether there is an OSS, with its objects below `objects`; `hasHostServices` whether there are the
  /// metadata service of an ECS instance, a server behind a credentials URI, and KMS Agent.
  package init(
    _ realm: RealmDraft, wrapper: [String] = [], in parent: String? = nil, hasStorage: Bool = false,
    hasHostServices: Bool = false, _ adjust: (inout SettingsDraft) -> Void = { _ in }
  ) throws {
    directory = try TemporaryDirectory(in: parent)
    emulator = try EmulatorProcess(
      realm: realm.text, in: directory, objects: hasStorage ? directory.path("objects") : nil,
      hasHostServices: hasHostServices, wrapper: wrapper)
    draft = SettingsDraft(
      keyPath: directory.path("access-key"), endpoint: emulator.endpoint, authorityPath: emulator.authorityPath,
      socketPath: directory.path("rk.sock"), directory: directory.path("roles"))
    adjust(&draft)
    configPath = directory.path("rolekeeper.toml")
    try write(key: realm.keys[0])
    try writeSettings()
  }

  package func writeSettings() throws { try directory.write(draft.text, to: "rolekeeper.toml") }

  /// Puts a key in place by rename, as a careful administrator does.
  package func write(key: RealmDraft.Key) throws {
    try write(keyFile: "AccessKey ID,AccessKey Secret\n\(key.id),\(key.secret)\n")
  }

  package func write(keyFile text: String) throws {
    try directory.write(text, to: "access-key.new", mode: 0o400)
    rename(directory.path("access-key.new"), draft.keyPath)
  }

  /// Starts the daemon and waits until it is ready.
  @discardableResult
  package func start(wrapper: [String] = [], named name: String = "daemon") throws -> DaemonProcess {
    let daemon = try launch(wrapper: wrapper, named: name)
    try daemon.awaitReady()
    return daemon
  }

  /// Starts the daemon.
  @discardableResult
  package func launch(
    wrapper: [String] = [], named name: String = "daemon", environment: [String: String] = [:], options: [String] = []
  ) throws -> DaemonProcess {
    // The one before ends first, or two would fight for the socket.
    daemon = nil
    daemon = try DaemonProcess(
      configPath: configPath, socketPath: draft.socketPath, in: directory, named: name, wrapper: wrapper,
      environment: environment, options: options)
    return daemon
  }

  /// Starts the next daemon with what the last one, which has ended, left to it, and waits until it is ready.
  @discardableResult
  package func startNext(named name: String, environment: [String: String] = [:]) throws -> DaemonProcess {
    let daemon = try launchNext(named: name, environment: environment)
    try daemon.awaitReady()
    return daemon
  }

  /// Starts the next daemon with what the last one, which has ended, left to it.
  @discardableResult
  package func launchNext(
    wrapper: [String] = [], named name: String, environment: [String: String] = [:],
    listeners: [(name: String, descriptor: CInt)] = []
  ) throws -> DaemonProcess {
    let stored = daemon.notify.takeStored()
    daemon = nil
    daemon = try DaemonProcess(
      configPath: configPath, socketPath: draft.socketPath, in: directory, named: name, wrapper: wrapper,
      environment: environment, listeners: listeners, stored: stored)
    return daemon
  }

  /// Runs the command line against the daemon's socket, perhaps as somebody else.
  package func rolekeeper(_ words: String..., wrapper: [String] = []) throws -> (
    status: CInt, output: String, errors: String
  ) {
    try ChildProcess.run(wrapper + [Programs.commandLine, "--socket", draft.socketPath] + words)
  }

  /// A credential that must be there.
  package func credential(_ role: String) throws -> Credential {
    try Credential(try daemon.get("/v1/roles/\(role)/credentials"))
  }

  package func status(_ role: String) throws -> RoleStatus {
    try RoleStatus(parsing: Array(try daemon.get("/v1/roles/\(role)").body.utf8).span)
  }

  package func report() throws -> StatusReport {
    try StatusReport(parsing: Array(try daemon.get("/v1/status").body.utf8).span)
  }

  /// Waits on the stream until a change satisfies, and returns it; what the roles were like at the stream's beginning doesn't count.
  @discardableResult
  package func await(_ events: StreamConnection, _ satisfies: (RoleEvent) -> Bool) throws -> RoleEvent {
    while let line = try events.readLine() {
      if EventLine(parsing: Array(line.utf8).span) == .heartbeat { continue }
      let event = try RoleEvent(parsing: Array(line.utf8).span)
      if event.kind != .snapshot, satisfies(event) { return event }
    }
    throw StreamError(attempt: "read another event", number: ECONNRESET)
  }
}

/// A credential document as a reader takes it.
package struct Credential {
  package let keyID: String
  package let secret: String
  package let token: String
  package let expiration: UTCTime

  package init(_ reply: HTTPReply) throws {
    guard reply.status == 200 else { throw NoCredential(reply: reply) }
    try self.init(document: reply.body)
  }

  package init(document: String) throws {
    let read = try SessionCredential(parsing: Array(document.utf8).span)
    keyID = read.accessKeyID
    secret = Self.text(read.accessKeySecret)
    token = Self.text(read.securityToken)
    expiration = read.expiration
  }

  private static func text(_ secret: Secret) -> String {
    secret.withBytes { bytes in bytes.withUnsafeBufferPointer { String(decoding: $0, as: UTF8.self) } }
  }
}

package struct NoCredential: Error, CustomStringConvertible {
  package let reply: HTTPReply

  package init(reply: HTTPReply) { self.reply = reply }

  package var description: String { "no credential but \(reply.status): \(reply.body)" }
}

extension HTTPReply {
  package var problem: Problem {
    get throws { try Problem(parsing: Array(body.utf8).span) }
  }
}

/// This host's wall clock.
package func wallClock() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// How long `body` takes, in seconds.
package func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = ContinuousClock.now
  try body()
  return (ContinuousClock.now - start) / .seconds(1)
}
