import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing

/// The socket for other units' credentials, and peers that don't behave as systemd does.
@Suite(.serialized, .needs(.root)) struct UnitSocketTests {
  private let lab: Lab

  init() throws {
    lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader"])) { $0.roles = [SettingsDraft.Role("uploader")] }
  }

  private var path: String { lab.directory.path("credentials.sock") }

  private func write(_ lines: String) throws {
    try lab.directory.write("\(lab.draft.text)\n\(lines)", to: "rolekeeper.toml")
  }

  private func start() throws {
    try write("[credentials]\npath = \"\(path)\"\nwait = \"1s\"\n")
    try lab.launch()
    try lab.daemon.awaitReady()
  }

  private func mode() -> String? {
    var status = stat()
    return lstat(path, &status) == 0 ? String(status.st_mode, radix: 8) : nil
  }

  /// Holds connections that claim to be a unit's and never read; `line` is printed once all are there.
  private static let holders = """
    import signal, socket, sys
    path, count = sys.argv[1], int(sys.argv[2])
    held = []
    for number in range(count):
      s = socket.socket(socket.AF_UNIX)
      s.bind("\\0%x/unit/app%d.service/uploader" % (number + 1, number))
      s.connect(path)
      held.append(s)
    print("held", flush=True)
    signal.pause()
    """

  @Test func `peers that never read their refusals don't hold up the API, and whoever comes after them is answered`()
    throws
  {
    try start()
    let child = try ChildProcess(
      ["/usr/bin/timeout", "60", "/usr/bin/python3", "-c", Self.holders, path, "300"], in: lab.directory,
      named: "holders")
    try eventually("all are connected") { child.output.contains("held") }
    for _ in 0..<20 { #expect(try lab.credential("uploader").keyID.hasPrefix("STS.")) }
    #expect(try lab.daemon.get("/metrics").body.contains("rolekeeper_unit_refusals_total{reason=\"not_allowed\"}"))
    child.signal(SIGTERM)
    _ = child.wait()
    let asked = try ChildProcess.run([
      "/usr/bin/timeout", "30", "/usr/bin/python3", "-c",
      """
      import socket, sys
      s = socket.socket(socket.AF_UNIX); s.bind("\\0ff/unit/last.service/uploader"); s.connect(sys.argv[1])
      count = 0
      while chunk := s.recv(65536): count += len(chunk)
      print(count > 1 << 20)
      """, path,
    ])
    #expect(asked.output == "True\n", "\(asked)")
  }

  @Test func `a reload makes the socket and takes it away, and a stop leaves none`() throws {
    try lab.start()
    #expect(mode() == nil)
    try write("[credentials]\npath = \"\(path)\"\n")
    #expect(try lab.rolekeeper("reload").status == 0)
    #expect(mode() == "140600")
    let moved = lab.directory.path("other.sock")
    try write("[credentials]\npath = \"\(moved)\"\n")
    #expect(try lab.rolekeeper("reload").status == 0)
    #expect(mode() == nil && access(moved, F_OK) == 0)
    try lab.writeSettings()
    let refused = try lab.rolekeeper("reload")
    #expect(
      refused.status != 0 && refused.errors.contains("systemd could load no unit's credential any more"), "\(refused)")
    #expect(access(moved, F_OK) == 0)
    #expect(try lab.rolekeeper("reload", "--allow-removal").status == 0)
    #expect(access(moved, F_OK) != 0)
    try write("[credentials]\npath = \"\(path)\"\n")
    #expect(try lab.rolekeeper("reload").status == 0)
    lab.daemon.child.signal(SIGTERM)
    #expect(lab.daemon.child.wait() == 0 && mode() == nil)
  }

  @Test func `what a crash leaves is replaced by the next start`() throws {
    try start()
    lab.daemon.child.signal(SIGKILL)
    _ = lab.daemon.child.wait()
    #expect(mode() == "140600")
    try lab.launch(named: "next")
    try lab.daemon.awaitReady()
    #expect(lab.daemon.logLines("socket").isEmpty && mode() == "140600")
  }
}
