import Glibc
import Laboratory
import TestSupport

/// A daemon with so many roles, a cloud for it 0 ms away, and settings that hold no measurement back.
final class Stage {
  static let request = "/v1/roles/role-00000/credentials"
  /// How many connections the settings allow, in all and to one user.
  enum ConnectionLimits {
    /// What they allow by default: 1024 and 64.
    case standard
    case raised

    /// What the tables say.
    static let raisedTo = 4096

    fileprivate var settings: String {
      switch self {
      case .standard: ""
      case .raised: "max_connections = \(Self.raisedTo)\nmax_connections_per_uid = \(Self.raisedTo)"
      }
    }
  }

  static let rate = 10_000
  /// Of the one role of the cloud that all of ours assume.
  static let roleARN = "acs:ram::\(RealmDraft.account):role/bench"

  let lab: Lab
  let roles: Int
  private var starts = 0

  /// How long a SecurityToken is at least, unless asked for otherwise.
  static let tokenLength = 300

  /// `withHostAuthorities` has the daemon trust the host's certificates beside the emulator's one, as it does in earnest.
  init(
    roles: Int = 10, limits: ConnectionLimits = .raised, delayMilliseconds: Int = 0, withHostAuthorities: Bool = false,
    tokenLength: Int = Stage.tokenLength
  ) throws {
    self.roles = roles
    let names = (0..<roles).map { Self.name($0) }
    // All of them assume one role of the cloud, whose emulator counts the calls of a thousand apart at most.
    var realm = RealmDraft(lifetime: nil, roles: ["bench"])
    realm.tokenLength = tokenLength
    lab = try Lab(realm) { draft in
      draft.sts = "requests_per_second = \(Self.rate)\nburst = \(Self.rate)"
      draft.socket = "mode = \"0600\"\n\(limits.settings)"
      draft.roles = names.map { name in
        var role = SettingsDraft.Role(name, more: "allow = { users = [\(geteuid())] }")
        role.arn = Self.roleARN
        role.times = "duration = \"1h\"\npool = 2"
        return role
      }
    }
    // The emulator's accounts are held to the vendor's 100 calls a second unless set otherwise.
    try lab.emulator.reload(
      realm: "[accounts.\(RealmDraft.account)]\nrequests_per_second = 1000000\n" + realm.text)
    if withHostAuthorities { try trustHostAuthorities() }
    if delayMilliseconds > 0 { try lab.emulator.fault("kind=delay&milliseconds=\(delayMilliseconds)") }
  }

  private func trustHostAuthorities() throws {
    let all = try [lab.draft.authorityPath, "/etc/ssl/certs/ca-certificates.crt"].map { try TextFile.read($0) }
    lab.draft.authorityPath = try lab.directory.write(all.joined(), to: "authorities.pem")
    try lab.writeSettings()
  }

  static func name(_ number: Int) -> String {
    let digits = "\(number)"
    return "role-" + String(repeating: "0", count: max(0, 5 - digits.count)) + digits
  }

  var socket: String { lab.draft.socketPath }

  /// Starts the daemon; how long until READY, in ms.
  @discardableResult
  func start() throws -> Double {
    let started = ContinuousClock.now
    starts += 1
    let daemon = try lab.launch(named: "daemon-\(starts)")
    do {
      try daemon.notify.wait(for: "READY=1", seconds: 120)
    } catch { throw ProgramEnded(name: "rolekeeperd", status: daemon.child.statusIfEnded ?? -1, errors: daemon.log) }
    return (ContinuousClock.now - started) / .milliseconds(1)
  }

  /// Starts the daemon by a wrapper that may keep the service manager from it, and waits until all roles have a session.
  func startUnwatched(wrapper: [String]) throws {
    let daemon = try lab.launch(wrapper: wrapper, named: "unwatched")
    try eventually("all roles have a session", within: 120) { (try? daemon.get("/healthz"))?.status == 200 }
  }

  /// Has the second session of each pool fetched now, which else comes with the ring's next step, and waits until all are there.
  func fillPools() throws {
    // At once, before the daemon gives back what its start needed: it does that once a minute at most.
    try refreshAll()
    try awaitDraws(2 * roles)
    // The last answer is on its way when the emulator has counted it, and what the burst needed is given back when it is quiet.
    sleep(3)
  }

  func awaitDraws(_ count: Int) throws {
    try eventually("\(count) sessions are issued", within: 240) { try lab.emulator.draws(result: "OK") >= count }
  }

  /// Asks for a refresh of each role, 16 requests at a time.
  func refreshAll() throws {
    let connection = try StreamConnection(unix: socket)
    for first in stride(from: 0, to: roles, by: 16) {
      let numbers = first..<min(first + 16, roles)
      try connection.send(
        numbers.map { "POST /v1/roles/\(Self.name($0))/refresh HTTP/1.1\r\nHost: localhost\r\n\r\n" }.joined())
      for _ in numbers {
        let reply = try connection.readReply()
        guard reply.status == 202 else { throw BenchError("a refresh was refused: \(reply.body)") }
      }
    }
  }

  /// A credential document.
  func document() throws -> String {
    let connection = try StreamConnection(unix: socket)
    try connection.request("GET", Self.request)
    return try connection.readReply().body
  }

  /// A server that answers with the daemon's own bytes.
  /// The same at a port of 127.0.0.1, where it asks nobody who calls.
  func startBareServer(atPort port: UInt16) throws -> BareServer {
    try BareServer(reply: answerBytes(), in: lab.directory, at: "\(port)")
  }

  func startBareServer() throws -> BareServer { try BareServer(reply: answerBytes(), in: lab.directory) }

  /// A whole answer, head and body.
  func answerBytes() throws -> String {
    let connection = try StreamConnection(unix: socket)
    try connection.request("GET", Self.request)
    return try connection.readRaw()
  }
}

/// The yardstick, running.
final class BareServer {
  let socket: String
  let child: ChildProcess

  init(reply: String, in directory: TemporaryDirectory, at socket: String? = nil) throws {
    self.socket = socket ?? directory.path("bare.sock")
    let path = try directory.write(reply, to: "bare.reply")
    let child = try ChildProcess([Programs.bareServer, self.socket, path], in: directory, named: "bare")
    self.child = child
    try eventually("the bare server listens") { child.output.contains("listening") }
  }
}

extension StreamConnection {
  /// An answer's very bytes.
  func readRaw() throws -> String {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = chunk.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
      guard count > 0 else { throw BenchError("the daemon gave no answer to copy") }
      bytes += chunk[0..<count]
      let text = String(decoding: bytes, as: UTF8.self)
      guard let end = text.utf8.firstRange(of: "\r\n\r\n".utf8) else { continue }
      guard text.hasPrefix("HTTP/1.1 200 ") else { throw BenchError("the daemon refused: \(text)") }
      let length = text.split(separator: "\r\n").first { $0.lowercased().hasPrefix("content-length:") }
      let size = length.flatMap { Int($0.split(separator: " ")[1]) } ?? 0
      if bytes.count >= text.utf8.distance(from: text.utf8.startIndex, to: end.upperBound) + size { return text }
    }
  }
}
