import Settings
import Testing

@testable import Settings

/// The commands that findings propose, wherever a setting leads and whatever exists there: outside `/etc/rolekeeper`,
/// none changes anything that exists.
@Suite struct SafeCommandTests {
  static let places = [
    "/", "/etc", "/etc/app", "/etc/rolekeeper/out", "/home/alice", "/home/alice/out", "/root/out", "/run", "/run/app",
    "/srv",
    "/srv/app", "/srv/app/out", "/tmp/out", "/usr/local/app", "/var", "/var/lib", "/var/lib/app", "/var/log/app",
    "/opt/app",
    "/mnt/disk", "/data", "/data/app/out", "/srv/a /etc", "/srv/my app", "/srv/50%n",
  ]

  /// What exists at the path.
  enum Kind: CaseIterable {
    case roots, everybodys, alices, aGroups, daemons, closed, missing, missingWithItsParent, aFile, link
  }

  /// The setting that names the path.
  enum Setting: CaseIterable {
    case output, alicesOutput, filesDirectory, socket, keyFile, policy, authorities
  }

  private static let unit = Result {
    let root = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let (_, unit) = try SystemHost().read("\(root)/systemd/rolekeeper.service", limit: 1 << 20)
    return String(decoding: unit, as: UTF8.self)
  }

  private static func host(_ place: String, _ kind: Kind) throws -> FakeHost {
    var host = FakeHost()
    switch kind {
    case .roots: break
    case .everybodys: host.directories[place] = FakeHost.File(mode: 0o1777)
    case .alices: host.directories[place] = FakeHost.File(uid: 1002, gid: 1002, mode: 0o755)
    case .aGroups: host.directories[place] = FakeHost.File(gid: 2000, mode: 0o2775)
    case .daemons: host.directories[place] = FakeHost.File(uid: 998, mode: 0o711)
    case .closed:
      host.directories[place] = FakeHost.File(mode: 0o700)
      host.deniedDirectories = [place]
    case .missing: host.missingDirectories.insert(place)
    case .missingWithItsParent: host.missingDirectories.insert(PathText.directory(of: place))
    case .aFile: host.files[place] = FakeHost.File()
    case .link: host.links[place] = "/etc"
    }
    host.files["/usr/lib/systemd/system/rolekeeper.service"] = FakeHost.File(text: try unit.get())
    let parent = place == "/" ? "" : place
    for name in ["key", "p.json", "ca.pem"] {
      if kind != .missing, kind != .missingWithItsParent, kind != .aFile {
        host.files["\(parent)/\(name)"] = FakeHost.File(
          text: "{}", uid: kind == .alices ? 1002 : 0, gid: 2000, mode: 0o664)
      }
    }
    return host
  }

  private static func text(_ setting: Setting, at place: String) -> String {
    let parent = place == "/" ? "" : place
    return switch setting {
    case .output: soundSettings + "[[roles.uploader.files]]\npath = \"\(parent)/a\"\n"
    case .alicesOutput: soundSettings + "[[roles.uploader.files]]\npath = \"\(parent)/a\"\nowner = \"alice\"\n"
    case .filesDirectory: soundSettings + "[files]\ndirectory = \"\(place)\"\n"
    case .socket: soundSettings.replacing("[socket]", with: "[socket]\npath = \"\(parent)/s\"")
    case .keyFile: soundSettings.replacing("credential = \"access-key\"", with: "file = \"\(parent)/key\"")
    case .policy: soundSettings + "policy_file = \"\(parent)/p.json\"\n"
    case .authorities: soundSettings + "[sts]\nca_file = \"\(parent)/ca.pem\"\n"
    }
  }

  /// Runs the loader as `check` does, and as the daemon does.
  private static func findings(_ host: FakeHost, _ text: String) -> [Diagnostic] {
    var host = host
    host.files[FakeHost.path] = FakeHost.File(text: text)
    let unit = InstalledUnit(on: host)
    return [CheckScope(unit: unit, trials: .passing()), nil].flatMap {
      SettingsLoader(host: host, check: $0).load(FakeHost.path).diagnostics
    }
  }

  /// Directories of the host, and homes; this list is independent of the code.
  private static func isTheHosts(_ path: String) -> Bool {
    let parts = path.split(separator: "/")
    let theHosts: Set<Substring> = [
      "bin", "boot", "dev", "etc", "home", "lib", "media", "mnt", "proc", "root", "run", "sbin", "sys", "tmp", "usr",
    ]
    if parts.count < 2 || theHosts.contains(parts[0]) { return true }
    return parts[0] == "var" && (parts.count < 3 || ["cache", "log", "run", "spool", "tmp"].contains(parts[1]))
  }

  @Test(arguments: places, Kind.allCases)
  func `no finding proposes a command that could break the host`(_ place: String, _ kind: Kind) throws {
    let host = try Self.host(place, kind)
    for setting in Setting.allCases {
      for finding in Self.findings(host, Self.text(setting, at: place)) {
        let text = finding.description
        for made in Self.words(after: "install -d -o rolekeeper -m 0711 ", in: text) {
          #expect(!Self.isTheHosts(made), "\(text)")
          #expect(throws: HostError.missing, "\(text)") { try host.status(of: made) }
          var above = PathText.directory(of: made)
          while (try? host.status(of: above)) == nil { above = PathText.directory(of: above) }
          let status = try host.status(of: above)
          #expect(status.kind == .directory && status.uid == 0 && status.mode & 0o022 == 0, "\(text)")
          #expect(host.links[above] == nil, "\(text)")
        }
        // The unit would read such a path as a different one, or as two.
        #expect(!text.contains("ReadWritePaths=-\(place)") || !place.contains { " %\"'\\".contains($0) }, "\(text)")
        for opened in Self.words(after: "ReadWritePaths=-", in: text) { #expect(!Self.isTheHosts(opened), "\(text)") }
        for changed in [
          "chmod 0400 ", "chmod go-w ", "chmod g+r ", "chmod g+rx ", "chmod u+r ", "chown root ", "chown rolekeeper ",
          "chgrp rolekeeper ",
        ].flatMap({
          Self.words(after: $0, in: text)
        }) {
          #expect(changed.hasPrefix("/etc/rolekeeper/"), "\(text)")
          #expect(host.links[PathText.directory(of: changed)] == nil, "\(text)")
        }
        // The only commands are those checked here.
        for (command, forms) in [
          ("install ", ["install -d -o rolekeeper -m 0711 /"]),
          ("chmod ", ["chmod 0400 /", "chmod go-w /", "chmod g+r /", "chmod g+rx /", "chmod u+r /"]),
          ("chgrp ", ["chgrp rolekeeper /"]),
          ("chown ", ["chown root /", "chown rolekeeper /"]), ("ReadWritePaths", ["ReadWritePaths=-/"]), ("rm ", []),
          ("usermod", []), ("useradd", []), ("setfacl", []), ("mv ", []),
        ] as [(String, [String])] {
          let known = forms.reduce(0) { $0 + Self.words(after: $1, in: text).count }
          #expect(Self.words(after: command, in: text).count == known, "\(text)")
        }
        // The user who types them isn't root.
        for command in ["install -d", "chmod", "chown", "chgrp", "systemctl edit", "systemctl restart"] {
          #expect(
            Self.words(after: "\(command) ", in: text).count == Self.words(after: "sudo \(command) ", in: text).count,
            "\(text)")
        }
        // No remedy opens a home or a system directory.
        #expect(!text.contains("let the daemon's user read") || text.contains("/etc/rolekeeper"), "\(text)")
      }
    }
  }

  /// The words, up to a blank or semicolon, after each occurrence of a phrase.
  private static func words(after phrase: String, in text: String) -> [String] {
    guard text.contains(phrase) else { return [] }
    return text.split(separator: phrase, omittingEmptySubsequences: false).dropFirst().map { rest in
      String(rest.prefix { $0 != " " && $0 != ";" })
    }
  }

  struct Case: CustomTestStringConvertible, Sendable {
    let setting: Setting
    let place: String
    let kind: Kind
    let sentence: String

    var testDescription: String { "\(setting) \(place) \(kind)" }
  }

  private static let ownFiles =
    "remove the line to use /run/rolekeeper/roles; or use a directory of its own: run: sudo install -d -o rolekeeper -m 0711 /srv/rolekeeper/files; "
    + "write directory = \"/srv/rolekeeper/files\"; let the unit write there: sudo systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-/srv/rolekeeper/files; then run: sudo rolekeeper check && sudo systemctl restart rolekeeper"
  private static let ownOutput =
    "use a directory of its own: run: sudo install -d -o rolekeeper -m 0711 /srv/rolekeeper/uploader; write path = \"/srv/rolekeeper/uploader/a\"; "
    + "let the unit write there: sudo systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-/srv/rolekeeper/uploader; then run: sudo rolekeeper check && sudo systemctl restart rolekeeper"

  @Test(arguments: [
    Case(
      setting: .filesDirectory, place: "/etc", kind: .roots,
      sentence:
        "is '/etc', and the daemon's user 'rolekeeper' may not write to it (mode 0755, owned by user 'root'); \(ownFiles)"
    ),
    Case(
      setting: .filesDirectory, place: "/srv/app", kind: .everybodys,
      sentence:
        "is '/srv/app', and everybody may write to it (mode 1777), so no file would be written there; \(ownFiles)"),
    Case(
      setting: .filesDirectory, place: "/srv/app/out", kind: .missingWithItsParent,
      sentence: "is '/srv/app/out', which isn't there, and the daemon's user 'rolekeeper' can't make it in '/srv/app'; "
        + "use a directory of its own: run: sudo install -d -o rolekeeper -m 0711 /srv/app/out; "
        + "let the unit write there: sudo systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-/srv/app/out; then run: sudo rolekeeper check && sudo systemctl restart rolekeeper"
    ),
    Case(
      setting: .filesDirectory, place: "/home/alice", kind: .alices,
      sentence: "is '/home/alice', and the unit doesn't see that directory (ProtectHome=); \(ownFiles)"),
    Case(
      setting: .socket, place: "/etc", kind: .roots,
      sentence:
        "is '/etc/s', and the daemon's user 'rolekeeper' may not write to its directory (mode 0755, owned by user 'root'); write path = \"/run/rolekeeper/s\""
    ),
    Case(
      setting: .socket, place: "/srv/app", kind: .daemons,
      sentence:
        "is '/srv/app/s', where the unit may not write; run: sudo systemctl edit rolekeeper, with the lines [Service] and ReadWritePaths=-/srv/app; then run: sudo rolekeeper check && sudo systemctl restart rolekeeper"
    ),
    Case(
      setting: .output, place: "/home/alice/out", kind: .missing,
      sentence: "is '/home/alice/out/a', and the unit doesn't see that directory (ProtectHome=); \(ownOutput)"),
    Case(
      setting: .output, place: "/etc/app", kind: .missing,
      sentence: "is '/etc/app/a', and there is no directory '/etc/app'; \(ownOutput)"),
    Case(
      setting: .output, place: "/data", kind: .missing,
      sentence: "is '/data/a', and there is no directory '/data'; \(ownOutput)"),
  ])
  func `the first message names the directory to use and everything that has to be done`(_ row: Case) throws {
    var host = try Self.host(row.place, row.kind)
    host.files[FakeHost.path] = FakeHost.File(text: Self.text(row.setting, at: row.place))
    let scope = CheckScope(unit: InstalledUnit(on: host), trials: .passing())
    let found = SettingsLoader(host: host, check: scope).load(FakeHost.path).diagnostics
    #expect(found.map { "\($0.problem); \($0.remedy)" }.contains(row.sentence), "\(found.map(\.description))")
  }

  @Test func `if the proposed directory belongs to somebody else, the next one is proposed`() throws {
    var host = try Self.host("/tmp", .everybodys)
    host.directories["/srv/rolekeeper/uploader"] = FakeHost.File(uid: 1002, mode: 0o755)
    func findings() -> [Diagnostic] {
      Self.findings(host, Self.text(.output, at: "/tmp")).filter { $0.place.key == "roles.uploader.files.path" }
    }
    #expect(!findings().isEmpty)
    for finding in findings() { #expect(finding.remedy.contains("-m 0711 /var/lib/rolekeeper-files/uploader")) }
    host.directories["/var/lib/rolekeeper-files/uploader"] = FakeHost.File(mode: 0o777)
    for finding in findings() {
      #expect(!finding.remedy.contains("install") && finding.remedy.contains("use a new directory below /srv"))
    }
  }

  /// chmod(1) and chown(1) follow the link.
  @Test func `no command is proposed for a link in our directory`() throws {
    var host = FakeHost()
    host.files["/etc/rolekeeper/key"] = FakeHost.File(uid: 1002, mode: 0o644)
    host.links["/etc/rolekeeper/key"] = "/etc/shadow"
    let found = host.load(Self.text(.keyFile, at: "/etc/rolekeeper"))
    #expect(!found.diagnostics.isEmpty)
    for finding in found.diagnostics { #expect(!finding.remedy.contains("ch"), "\(finding)") }
  }

  @Test func `the commands of one finding fix everything that is wrong with a key's file`() throws {
    var host = FakeHost()
    host.files["/etc/rolekeeper/key"] = FakeHost.File(uid: 1002, gid: 2000, mode: 0o664)
    #expect(
      host.load(Self.text(.keyFile, at: "/etc/rolekeeper")).diagnostics.map(\.description) == [
        "/etc/rolekeeper/key: user 'alice' may write to it (its owner); run: sudo chown rolekeeper /etc/rolekeeper/key && sudo chmod 0400 /etc/rolekeeper/key; "
          + "make a new AccessKey if others had access"
      ])
  }
}
