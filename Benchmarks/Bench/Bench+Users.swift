import Glibc
import Laboratory
import TestSupport

/// A thousand users with a session each of one role (`session_per = "user"`).
extension Bench {
  private static let users = 1000
  private static let role = "per-user"
  private static let firstUID = 70_000

  /// Reads the role's credential as one user after the other, and prints how many got one.
  private static let script = """
    import os, socket, sys
    path, role, first, count = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    good = 0
    for uid in range(first, first + count):
        child = os.fork()
        if child == 0:
            os.setgroups([]); os.setgid(uid); os.setuid(uid)
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(path)
            peer.send(f"GET /v1/roles/{role}/credentials?wait=60 HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n".encode())
            os._exit(0 if peer.recv(65536).startswith(b"HTTP/1.1 200") else 1)
        good += os.waitpid(child, 0)[1] == 0
    print(good)
    """

  func measureUsers(_ report: inout Report) throws {
    guard geteuid() == 0 else { throw BenchError("users' sessions are measured as root, who can be any user") }
    let (with, without) = (try Self.stage(), try Self.stage())
    let before = try memory(with, roles: 10).anonymous
    let run = try ChildProcess.run(
      ["/usr/bin/python3", "-c", Self.script, with.socket, Self.role, "\(Self.firstUID)", "\(Self.users)"])
    guard run.output == "\(Self.users)\n" else { throw BenchError("not every user got a session: \(run)") }
    // No document is kept of a session that hasn't been read for a while.
    sleep(65)
    let each = (try memory(with, roles: 10).anonymous - before) / Double(Self.users)
    let load = Load(request: .get(Stage.request), connections: 16, makesNewConnections: false)
    let rates = try interleaved([{ try load.run(on: with.socket, form) }, { try load.run(on: without.socket, form) }])
    report.add(
      "Sessions of users",
      """
      \(Self.users) users with a session each of one role, which nobody reads at present: what they add to the daemon's memory, \
      each; and the rate of reads of another role beside them, with 16 kept connections, and without them. SecurityTokens have \
      \(Stage.tokenLength) characters.
      """,
      [
        .bounded("memory-per-idle-user-session", "kB", each / 1000, atMost: 3),
        .compared(
          "get-keep-alive-16-rate-users-\(Self.users)", "1/s", rates[0].map(\.rate), with: rates[1].map(\.rate),
          beside: "no users", target: .ratioAtLeast(0.95)),
      ])
  }

  private static func stage() throws -> Stage {
    let stage = try Stage(roles: 10)
    stage.lab.draft.socket = "mode = \"0666\"\nmax_connections = 4096"
    var role = SettingsDraft.Role(
      role,
      more:
        "session_per = \"user\"\nmax_users = \(users)\nallow = { users = [\((0..<users).map { "\(firstUID + $0)" }.joined(separator: ", "))] }"
    )
    role.arn = Stage.roleARN
    role.times = "duration = \"1h\"\npool = 2"
    stage.lab.draft.roles.append(role)
    try stage.lab.writeSettings()
    try stage.start()
    try stage.fillPools()
    return stage
  }
}
