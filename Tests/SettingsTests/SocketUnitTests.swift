import Testing

@testable import Settings

/// A socket that the service manager creates for the daemon, together with the keys of `[socket]`.
@Suite struct SocketUnitTests {
  private static let unitPath = "/usr/lib/systemd/system/rolekeeper.socket"
  private static let wants = "/etc/systemd/system/sockets.target.wants/rolekeeper.socket"

  private static func host(dropIn: String = "", isEnabled: Bool = true) throws -> FakeHost {
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    var host = FakeHost()
    let (_, unit) = try SystemHost().read("\(root)/systemd/rolekeeper.socket", limit: 1 << 20)
    host.files[unitPath] = FakeHost.File(text: String(decoding: unit, as: UTF8.self))
    host.files["/etc/systemd/system/rolekeeper.socket.d/override.conf"] = FakeHost.File(text: "[Socket]\n\(dropIn)\n")
    if isEnabled { host.files[wants] = FakeHost.File() }
    return host
  }

  /// The findings at a start with that socket and these lines in `[socket]`, and the socket in force.
  private static func load(_ unit: SocketUnit?, _ lines: String) -> (findings: [String], socket: SocketSettings?) {
    var host = FakeHost()
    let text = soundSettings.replacing("group = \"rolekeeper-clients\"\n", with: "\(lines)\n")
    host.files[FakeHost.path] = FakeHost.File(text: text)
    let loaded = SettingsLoader(host: host, socketUnit: unit).load(FakeHost.path)
    return (loaded.diagnostics.map { $0.description.replacing(FakeHost.path, with: "") }, loaded.settings?.socket)
  }

  @Test func `the shipped unit creates the socket that the shipped settings name`() throws {
    let unit = try #require(SocketUnit(enabledOn: Self.host()))
    #expect(unit == SocketUnit(path: "/run/rolekeeper/rolekeeper.sock", mode: 0o660, gid: 997))
    let shipped = "path = \"/run/rolekeeper/rolekeeper.sock\"\nmode = \"0660\"\ngroup = \"rolekeeper-clients\""
    #expect(Self.load(unit, shipped).findings == [])
  }

  @Test func `a unit that isn't enabled, or doesn't listen at a path, creates no socket`()
    throws
  {
    #expect(try SocketUnit(enabledOn: Self.host(isEnabled: false)) == nil)
    #expect(try SocketUnit(enabledOn: Self.host(dropIn: "ListenStream=\nListenStream=@abstract")) == nil)
    #expect(SocketUnit(enabledOn: FakeHost()) == nil)
  }

  @Test func `drop-ins apply, and otherwise systemd's defaults`() throws {
    let moved = try SocketUnit(
      enabledOn: Self.host(dropIn: "ListenStream=\nListenStream=/run/x.sock\nSocketMode=0600\nSocketGroup=2000"))
    #expect(moved == SocketUnit(path: "/run/x.sock", mode: 0o600, gid: 2000))
    var host = try Self.host()
    host.files[Self.unitPath] = FakeHost.File(text: "[Socket]\nListenStream=/run/x.sock\n")
    #expect(SocketUnit(enabledOn: host) == SocketUnit(path: "/run/x.sock", mode: 0o666, gid: 0))
  }

  @Test func `its path, mode and group override the settings, and one warning names the unused keys`() {
    let unit = SocketUnit(path: "/run/x.sock", mode: 0o600, gid: 2000)
    let all = Self.load(unit, "path = \"/run/y.sock\"\nmode = \"0660\"\ngroup = \"media\"\nmax_connections = 7")
    #expect(
      all.findings.first
        == ":5: warning: socket.path isn't used, nor is 'mode': rolekeeper.socket makes the socket '/run/x.sock'; "
        + "take the lines out, or change the socket there: sudo systemctl edit rolekeeper.socket")
    #expect(all.findings.filter { $0.contains("isn't used") }.count == 1)
    #expect(all.socket?.path == "/run/x.sock" && all.socket?.mode == 0o600 && all.socket?.gid == 2000)
    #expect(all.socket?.maxConnections == 7)
    let mode = Self.load(unit, "mode = \"0660\"")
    #expect(
      mode.findings.filter { $0.contains("isn't used") } == [
        ":5: warning: socket.mode isn't used: rolekeeper.socket makes the socket '/run/x.sock'; "
          + "take the line out, or change the socket there: sudo systemctl edit rolekeeper.socket"
      ])
    #expect(Self.load(unit, "max_connections = 7").findings.filter { $0.contains("isn't used") } == [])
    #expect(Self.load(nil, "path = \"/run/rolekeeper/y.sock\"").socket?.path == "/run/rolekeeper/y.sock")
  }

  /// The daemon may not write to the directory, since systemd creates the socket.
  @Test func `the daemon's user needs no permissions for a socket that systemd creates`() {
    let found = Self.load(SocketUnit(path: "/srv/x.sock", mode: 0o660, gid: 997), "path = \"/srv/x.sock\"")
    #expect(found.findings == [] && found.socket?.path == "/srv/x.sock")
    #expect(Self.load(nil, "path = \"/srv/x.sock\"").findings != [])
  }
}
