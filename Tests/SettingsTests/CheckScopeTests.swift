import Testing

@testable import Settings

/// What `check` says beyond the loader, for the unit as it is shipped.
@Suite struct CheckScopeTests {
  private static let unitPath = "/usr/lib/systemd/system/rolekeeper.service"

  private static func host(dropIn: String = "") throws -> FakeHost {
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    var host = FakeHost()
    host.credentialsDirectory = nil
    let (_, unit) = try SystemHost().read("\(root)/systemd/rolekeeper.service", limit: 1 << 20)
    host.files[unitPath] = FakeHost.File(text: String(decoding: unit, as: UTF8.self))
    host.files["/etc/systemd/system/rolekeeper.service.d/override.conf"] = FakeHost.File(text: "[Service]\n\(dropIn)\n")
    return host
  }

  private static func check(
    _ host: FakeHost, _ lines: String, accessKeyProblem: ((String) -> String?)? = { _ in nil }
  ) -> [String] {
    var host = host
    host.files[FakeHost.path] = FakeHost.File(text: soundSettings + lines)
    let scope = CheckScope(unit: InstalledUnit(on: host), accessKeyProblem: accessKeyProblem)
    let found = SettingsLoader(host: host, check: scope).load(FakeHost.path).diagnostics
    return found.map { $0.description.replacing(FakeHost.path, with: "") }
  }

  private static func output(_ path: String, _ more: String = "") -> String {
    "[[roles.uploader.files]]\npath = \"\(path)\"\n\(more)"
  }

  private static let own =
    "use a directory of its own: run: install -d -o rolekeeper -m 0711 /srv/rolekeeper/uploader; write path = \"/srv/rolekeeper/uploader/a\"; "
    + "let the unit write there: systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-/srv/rolekeeper/uploader"

  @Test func `the shipped settings have nothing wrong with the shipped unit`() throws {
    #expect(try Self.check(Self.host(), "") == [])
  }

  struct Case: CustomTestStringConvertible, Sendable {
    let path: String
    var dropIn = ""
    let sentence: String?

    var testDescription: String { "\(path) \(dropIn)" }
  }

  @Test(arguments: [
    Case(path: "/home/alice/a", sentence: "the unit doesn't see that directory (ProtectHome=); \(own)"),
    Case(path: "/tmp/a", sentence: "the unit doesn't see that directory (PrivateTmp=); \(own)"),
    Case(path: "/var/tmp/x/a", sentence: "the unit doesn't see that directory (PrivateTmp=); \(own)"),
    Case(
      path: "/srv/app/a",
      sentence: "the daemon's user 'rolekeeper' may not write to its directory (mode 0755, owned by user 'root'); "
        + "use a directory of its own: run: install -d -o rolekeeper -m 0711 /srv/app/rolekeeper; write path = \"/srv/app/rolekeeper/a\"; "
        + "let the unit write there: systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-/srv/app/rolekeeper"
    ),
    Case(
      path: "/etc/a",
      sentence:
        "the daemon's user 'rolekeeper' may not write to its directory (mode 0755, owned by user 'root'); \(own)"),
    Case(path: "/srv/own/a", dropIn: "ReadWritePaths=-/srv/own", sentence: nil),
    Case(path: "/var/lib/rolekeeper/a", dropIn: "StateDirectory=rolekeeper", sentence: nil),
  ])
  func `an output that would never be written is found before the start`(_ row: Case) throws {
    var host = try Self.host(dropIn: row.dropIn)
    host.directories["/srv/own"] = FakeHost.File(uid: 998, mode: 0o711)
    host.directories["/tmp"] = FakeHost.File(mode: 0o1777)
    host.missingDirectories.insert("/srv/app/rolekeeper")
    host.directories["/home/alice"] = FakeHost.File(uid: 1002, mode: 0o755)
    let found = Self.check(host, Self.output(row.path))
    #expect(
      found == (row.sentence.map { [":10: warning: roles.uploader.files.path is '\(row.path)', and \($0)"] } ?? []))
  }

  /// Whoever does what a finding says must not find the next thing to do.
  @Test func `what a finding says ends it`() throws {
    var host = try Self.host(dropIn: "ReadWritePaths=-/srv/rolekeeper/uploader")
    host.directories["/srv/rolekeeper/uploader"] = FakeHost.File(uid: 998, gid: 0, mode: 0o711)
    #expect(Self.check(host, Self.output("/srv/rolekeeper/uploader/a")) == [])
  }

  @Test func `a directory that is right but for the unit takes the drop-in alone`() throws {
    var host = try Self.host()
    host.directories["/srv/own"] = FakeHost.File(uid: 998, mode: 0o711)
    #expect(
      Self.check(host, Self.output("/srv/own/a")) == [
        ":10: warning: roles.uploader.files.path is '/srv/own/a', where the unit may not write; "
          + "run: systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-/srv/own"
      ])
  }

  @Test func `the roles' directory and the socket's are looked at too`() throws {
    var host = try Self.host()
    host.directories["/srv/files"] = FakeHost.File(uid: 998, mode: 0o711)
    #expect(
      Self.check(host, "[files]\ndirectory = \"/srv/files\"\n") == [
        ":10: warning: files.directory is '/srv/files', where the unit may not write; "
          + "run: systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-/srv/files"
      ])
    let text = soundSettings.replacing("[socket]", with: "[socket]\npath = \"/tmp/x.sock\"")
    host.files[FakeHost.path] = FakeHost.File(text: text)
    let scope = CheckScope(unit: InstalledUnit(on: host), accessKeyProblem: { _ in nil })
    #expect(
      SettingsLoader(host: host, check: scope).load(FakeHost.path).diagnostics.map(\.problem) == [
        "is '/tmp/x.sock', and the unit doesn't see that directory (PrivateTmp=)"
      ])
  }

  @Test func `without a unit only permissions count`() throws {
    var host = FakeHost()
    host.directories["/run/rolekeeper"] = FakeHost.File(uid: 998, mode: 0o711)
    host.missingDirectories.insert("/run/rolekeeper/roles")
    host.directories["/home/alice"] = FakeHost.File(uid: 998, mode: 0o711)
    #expect(Self.check(host, Self.output("/home/alice/a")) == [])
    host.credentialsDirectory = nil
    #expect(
      Self.check(host, "") == [
        #":3: note: source.main.credential is not checked: no installed rolekeeper.service starts the daemon with these settings; install the unit, or write file = "PATH" instead"#
      ])
  }

  /// It was a warning and, from who reads it, an error, with advice to open /root.
  @Test func `a key's file that the daemon's user can't get to is one error, and a missing one a warning`() throws {
    var host = try Self.host()
    host.deniedDirectories = ["/root"]
    func check(_ path: String) -> [String] {
      let text = soundSettings.replacing("credential = \"access-key\"", with: "file = \"\(path)\"")
      var host = host
      host.files[FakeHost.path] = FakeHost.File(text: text)
      let scope = CheckScope(unit: InstalledUnit(on: host), accessKeyProblem: { _ in nil })
      return SettingsLoader(host: host, check: scope).load(FakeHost.path).diagnostics.map {
        $0.description.replacing(FakeHost.path, with: "")
      }
    }
    #expect(
      check("/root/key") == [
        ":3: source.main.file is '/root/key', which can't be seen: permission denied; keep it in /etc/rolekeeper, where the daemon's user can read it"
      ])
    #expect(
      check("/etc/rolekeeper/key.csv") == [
        ":3: warning: source.main.file is '/etc/rolekeeper/key.csv', which can't be seen: there is no such file; put the AccessKey there, or correct the path"
      ])
  }

  @Test func `the AccessKey that the unit will pass is looked at`() throws {
    let host = try Self.host()
    #expect(Self.check(host, "", accessKeyProblem: { $0 == "/etc/rolekeeper/access-key" ? nil : "?" }) == [])
    #expect(
      Self.check(host, "", accessKeyProblem: { "AccessKey file '\($0)': empty" }) == [
        ":3: source.main.credential can't be used, by the unit's LoadCredential=: AccessKey file '/etc/rolekeeper/access-key': empty; "
          + "put the AccessKey there, readable by root alone (mode 0400), and start the unit"
      ])
    #expect(
      Self.check(host, "", accessKeyProblem: nil) == [
        ":3: note: source.main.credential is not checked: only root may read '/etc/rolekeeper/access-key', from which the unit takes it; run: sudo rolekeeper check"
      ])
    #expect(
      try Self.check(Self.host(dropIn: "LoadCredential="), "") == [
        ":3: source.main.credential is 'access-key', which \(Self.unitPath) doesn't pass; "
          + "run: systemctl edit rolekeeper, with the lines [Service] and LoadCredential=access-key:/etc/rolekeeper/access-key"
      ])
  }
}
