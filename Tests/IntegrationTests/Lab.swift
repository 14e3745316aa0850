import Core
import Glibc
import Secrets
import TestSupport
import Wire

/// A cloud and a daemon that draws from it, both of one test alone.
final class Lab {
  let directory: TemporaryDirectory
  let emulator: EmulatorProcess
  var draft: SettingsDraft
  let configPath: String
  /// Set by `start`.
  private(set) var daemon: DaemonProcess!

  /// Starts the emulator and writes the AccessKey and the settings, as `adjust` wants them. `start` starts the daemon.
  init(_ realm: RealmDraft, _ adjust: (inout SettingsDraft) -> Void = { _ in }) throws {
    directory = try TemporaryDirectory()
    emulator = try EmulatorProcess(realm: realm.text, in: directory)
    draft = SettingsDraft(
      keyPath: directory.path("access-key"), endpoint: emulator.endpoint, authorityPath: emulator.authorityPath,
      socketPath: directory.path("rk.sock"), directory: directory.path("roles"))
    adjust(&draft)
    configPath = directory.path("rolekeeper.toml")
    try write(key: realm.keys[0])
    try writeSettings()
  }

  func writeSettings() throws { try directory.write(draft.text, to: "rolekeeper.toml") }

  /// Puts a key in place by rename, as a careful administrator does.
  func write(key: RealmDraft.Key) throws {
    try write(keyFile: "AccessKey ID,AccessKey Secret\n\(key.id),\(key.secret)\n")
  }

  func write(keyFile text: String) throws {
    try directory.write(text, to: "access-key.new", mode: 0o400)
    rename(directory.path("access-key.new"), draft.keyPath)
  }

  /// Starts the daemon and waits until it is ready.
  @discardableResult
  func start(wrapper: [String] = [], named name: String = "daemon") throws -> DaemonProcess {
    let daemon = try launch(wrapper: wrapper, named: name)
    try daemon.awaitReady()
    return daemon
  }

  /// Starts the daemon.
  @discardableResult
  func launch(
    wrapper: [String] = [], named name: String = "daemon", environment: [String: String] = [:]
  ) throws -> DaemonProcess {
    // The one before ends first, or two would fight for the socket.
    daemon = nil
    daemon = try DaemonProcess(
      configPath: configPath, socketPath: draft.socketPath, in: directory, named: name, wrapper: wrapper,
      environment: environment)
    return daemon
  }

  /// Runs the command line against the daemon's socket, perhaps as somebody else.
  func rolekeeper(_ words: String..., wrapper: [String] = []) throws -> (status: CInt, output: String, errors: String) {
    try ChildProcess.run(wrapper + [Programs.commandLine, "--socket", draft.socketPath] + words)
  }

  /// A credential that must be there.
  func credential(_ role: String) throws -> Credential {
    try Credential(try daemon.get("/v1/roles/\(role)/credentials"))
  }

  func status(_ role: String) throws -> RoleStatus {
    try RoleStatus(parsing: Array(try daemon.get("/v1/roles/\(role)").body.utf8).span)
  }

  func report() throws -> StatusReport {
    try StatusReport(parsing: Array(try daemon.get("/v1/status").body.utf8).span)
  }

  /// Waits on the stream until an event satisfies, and returns it.
  @discardableResult
  func await(_ events: StreamConnection, _ satisfies: (RoleEvent) -> Bool) throws -> RoleEvent {
    while let line = try events.readLine() {
      let event = try RoleEvent(parsing: Array(line.utf8).span)
      if satisfies(event) { return event }
    }
    throw StreamError(attempt: "read another event", number: ECONNRESET)
  }
}

/// A credential document as a reader takes it.
struct Credential {
  let keyID: String
  let secret: String
  let token: String
  let expiration: UTCTime

  init(_ reply: HTTPReply) throws {
    guard reply.status == 200 else { throw NoCredential(reply: reply) }
    try self.init(document: reply.body)
  }

  init(document: String) throws {
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

struct NoCredential: Error, CustomStringConvertible {
  let reply: HTTPReply

  var description: String { "no credential but \(reply.status): \(reply.body)" }
}

extension HTTPReply {
  var problem: Problem {
    get throws { try Problem(parsing: Array(body.utf8).span) }
  }
}

/// This host's wall clock.
func wallClock() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_REALTIME, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// How long `body` takes, in seconds.
func seconds(_ body: () throws -> Void) rethrows -> Double {
  let start = ContinuousClock.now
  try body()
  return (ContinuousClock.now - start) / .seconds(1)
}
