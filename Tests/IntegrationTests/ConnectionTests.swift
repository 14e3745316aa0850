import Laboratory
import TestSupport
import Testing

/// Programs that make a connection for each request, at the limits that the settings have by default.
@Suite(.serialized) struct ConnectionTests {
  /// Connects, asks, reads the answer and closes, over and over: a connection at a time, and no `Connection: close`.
  private static let script = """
    import socket, sys
    path, rounds = sys.argv[1], int(sys.argv[2])
    request = b"GET /v1/roles/uploader/credentials HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n"
    statuses = {}
    for _ in range(rounds):
      with socket.socket(socket.AF_UNIX) as s:
        s.connect(path)
        s.sendall(request)
        answer = s.recv(65536)
        status = answer[9:12].decode()
        statuses[status] = statuses.get(status, 0) + 1
    print(statuses)
    """

  /// FDSize of proc_pid_status(5). A table that grows holds up the loop, and with it everybody.
  @Test func `the table of descriptors never grows, however many connections there are`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader"])) { draft in
      draft.socket = "max_connections = 3000"
      draft.roles = [SettingsDraft.Role("uploader")]
    }
    let daemon = try lab.start()
    let status = try #require(FileText.read("/proc/\(daemon.child.pid)/status"))
    let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("FDSize:") })
    #expect(try #require(Int(line.filter(\.isNumber))) > 3000)
  }

  /// Of 16 such processes' answers a third was 429: the connections that they had closed were still counted.
  @Test(arguments: [2, 4, 16])
  func `processes that have one connection at a time are never refused`(_ processes: Int) throws {
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader"])) { $0.roles = [SettingsDraft.Role("uploader")] }
    try lab.start()
    let rounds = 4000 / processes
    let children = try (0..<processes).map { number in
      try ChildProcess(
        ["/usr/bin/python3", "-c", Self.script, lab.draft.socketPath, "\(rounds)"], in: lab.directory,
        named: "reader-\(number)")
    }
    for child in children {
      #expect(child.wait() == 0, "\(child.errors)")
      #expect(child.output == "{'200': \(rounds)}\n")
    }
    #expect(try lab.daemon.get("/metrics").body.contains("rolekeeper_refusals_total{reason=\"user_connections\"} 0\n"))
  }

  /// 102 of 200 waiting hosts got 503, the journal had one line, and everything counted as ok.
  @Test func `while connections are refused because all are taken, status is degraded`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader"])) { draft in
      draft.socket = "max_connections = 2"
      draft.roles = [SettingsDraft.Role("uploader")]
    }
    try lab.start()
    #expect(try lab.rolekeeper("status", "--check").status == 0)
    // 16 more are for root.
    let script = """
      import socket, sys
      held = []
      for number in range(2 + 16 + 3):
        s = socket.socket(socket.AF_UNIX)
        s.connect(sys.argv[1])
        held.append(s)
      print([s.recv(65536)[9:12].decode() for s in held[-3:]])
      """
    let run = try ChildProcess.run(["/usr/bin/python3", "-c", script, lab.draft.socketPath])
    #expect(run.output == "['503', '503', '503']\n", "\(run)")
    let sentence = "all 2 connections were taken, and 3 were refused; raise 'max_connections' in [socket] and reload"
    let check = try lab.rolekeeper("status", "--check")
    #expect(check.status == 1 && check.output == "degraded: \(sentence)\n", "\(check)")
    #expect(try lab.rolekeeper("status").output.contains("\n\(sentence)\n"))
    #expect(try lab.daemon.get("/metrics").body.contains("\nrolekeeper_connections_limit 2\n"))
  }
}
