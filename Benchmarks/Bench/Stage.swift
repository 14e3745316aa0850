import Glibc
import Laboratory
import TestSupport

/// A daemon with so many roles, a cloud for it 0 ms away, and settings that hold no measurement back.
final class Stage {
  static let request = "/v1/roles/role-00000/credentials"
  /// What the settings raise, and the tables say.
  static let connectionLimit = 4096
  static let rate = 10_000

  let lab: Lab
  private var starts = 0

  init(roles: Int = 10, spacing delayMilliseconds: Int = 0) throws {
    let names = (0..<roles).map { Self.name($0) }
    // All of them assume one role of the cloud, whose emulator counts the calls of a thousand apart at most.
    let realm = RealmDraft(lifetime: nil, roles: ["bench"])
    lab = try Lab(realm) { draft in
      draft.sts = "requests_per_second = \(Self.rate)\nburst = \(Self.rate)"
      draft.socket = """
        mode = "0600"
        max_connections = \(Self.connectionLimit)
        max_connections_per_uid = \(Self.connectionLimit)
        """
      draft.roles = names.map { name in
        var role = SettingsDraft.Role(name, more: "allow = { users = [\(geteuid())] }")
        role.arn = "acs:ram::\(RealmDraft.account):role/bench"
        role.times = "duration = \"1h\"\npool = 2"
        return role
      }
    }
    // The emulator's accounts are held to the vendor's 100 calls a second unless told otherwise.
    try lab.emulator.reload(
      realm: "[accounts.\(RealmDraft.account)]\nrequests_per_second = 1000000\n" + realm.text)
    if delayMilliseconds > 0 { try lab.emulator.fault("kind=delay&milliseconds=\(delayMilliseconds)") }
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

  /// Waits until every role has both its sessions.
  func awaitFullPools(_ roles: Int) throws {
    try eventually("every pool is full", within: 240) { try lab.emulator.draws(result: "OK") >= 2 * roles }
    // The last answer is on its way when the emulator has counted it.
    usleep(200_000)
  }

  /// A server that answers with the daemon's own bytes.
  func startBareServer() throws -> BareServer {
    let connection = try StreamConnection(unix: socket)
    try connection.request("GET", Self.request)
    return try BareServer(reply: try connection.readRaw(), in: lab.directory)
  }
}

/// The yardstick, running.
final class BareServer {
  let socket: String
  let child: ChildProcess

  init(reply: String, in directory: TemporaryDirectory) throws {
    socket = directory.path("bare.sock")
    let path = try directory.write(reply, to: "bare.reply")
    let child = try ChildProcess([Programs.bareServer, socket, path], in: directory, named: "bare")
    self.child = child
    try eventually("the bare server listens") { child.output.contains("listening") }
  }
}

extension StreamConnection {
  /// An answer's very bytes.
  fileprivate func readRaw() throws -> String {
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
