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
}
