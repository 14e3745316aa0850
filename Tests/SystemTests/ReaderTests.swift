import SystemBox
import Testing

extension UnderSystemd {
  @Suite struct ReaderTests {
    @Test(arguments: Release.all)
    func `one of the clients' group whom the role allows reads it`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let credential = try service.credential("uploader", as: "reader")
      #expect(credential.keyID.hasPrefix("STS."))
      #expect(!credential.secret.isEmpty && !credential.token.isEmpty)
      let tool = try service.box.run(["rolekeeper", "get", "uploader"], as: "reader")
      #expect(Credential(document: tool.output) == credential)
    }

    @Test func `a member of the clients' group whom the role doesn't allow is refused with that reason`() throws {
      let service = try Service()
      try service.start()
      for (user, role) in [("outsider", "uploader"), ("reader", "backup")] {
        let answer = try service.request("/v1/roles/\(role)/credentials", as: user)
        #expect(answer.output.hasSuffix("403"))
        #expect(answer.output.contains("roles.\(role).allow"))
        let tool = try service.box.run(["rolekeeper", "get", role], as: user)
        #expect(tool.status == 1 && tool.output == "" && tool.errors.contains("allow"))
      }
      #expect(try !service.request("/v1/roles", as: "outsider").output.contains("uploader"))
    }

    @Test(arguments: Release.all)
    func `one outside of the clients' group can't even connect`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.start()
      let curl = try service.request("/healthz", as: "stranger")
      #expect(curl.status == 7 && curl.output == "000")
      let tool = try service.box.run(["rolekeeper", "get", "uploader"], as: "stranger")
      #expect(tool.status == 3 && tool.output == "")
      #expect(tool.errors.contains("sudo usermod -aG rolekeeper-clients stranger"))
    }

    /// A user whom no role allows, and who may connect; its service manager is started without a login.
    private static let reads =
      "curl -sS -w %%{http_code} --unix-socket \(Service.socket) http://localhost/v1/roles/uploader/credentials"

    /// What a unit with that name prints that reads the role as `outsider`.
    private static func read(in unit: String, _ service: Service) throws -> String {
      try service.box.ask(
        """
        rm -rf /run/got && mkdir -m 0777 /run/got
        cat >/run/systemd/system/\(unit) <<'END'
        [Service]
        Type=oneshot
        TimeoutStartSec=60s
        User=outsider
        ExecStart=/bin/sh -c '\(reads) >/run/got/answer'
        END
        systemctl daemon-reload
        systemctl start \(unit)
        rm /run/systemd/system/\(unit)
        cat /run/got/answer
        """)
    }

    @Test(arguments: Release.all)
    func `a unit that the role allows reads it over the socket, and another one or a user's unit of that name doesn't`(
      _ release: Release
    ) throws {
      let service = try Service(under: release)
      try service.write(
        SettingsText.usual.replacing(
          "allow = { groups = [\"media\"] }", with: "allow = { groups = [\"media\"], units = [\"app.service\"] }"))
      try service.start()
      #expect(try Self.read(in: "app.service", service).hasSuffix("200"))
      let other = try Self.read(in: "other.service", service)
      #expect(other.hasSuffix("403") && other.contains(", in unit other.service; name that user"), "\(other)")
      #expect(try service.request("/v1/roles/uploader/credentials", as: "reader").output.hasSuffix("200"))
      let shell = try service.request("/v1/roles/uploader/credentials", as: "outsider").output
      #expect(shell.hasSuffix("403"), "a process in no unit: \(shell)")

      let uid = try service.box.ask("id --user outsider")
      defer {
        _ = try? service.box.ask(
          "systemctl stop user@\(uid).service; rm -rf /run/user/\(uid) /run/systemd/system/user@\(uid).service; systemctl daemon-reload"
        )
      }
      try service.box.ask(
        """
        rm -rf /run/got && mkdir -m 0777 /run/got
        install -d -o outsider -m 0700 /run/user/\(uid) /run/user/\(uid)/systemd /run/user/\(uid)/systemd/user
        cat >/run/user/\(uid)/systemd/user/app.service <<'END'
        [Service]
        Type=oneshot
        ExecStart=/bin/sh -c 'cat /proc/self/cgroup >/run/got/group; \(Self.reads) >/run/got/answer'
        END
        cat >/run/systemd/system/user@\(uid).service <<'END'
        [Service]
        Type=notify
        Slice=user-\(uid).slice
        User=outsider
        Delegate=yes
        Environment=XDG_RUNTIME_DIR=/run/user/\(uid)
        ExecStart=/lib/systemd/systemd --user
        END
        systemctl daemon-reload
        systemctl start user@\(uid).service
        runuser -u outsider -- env XDG_RUNTIME_DIR=/run/user/\(uid) systemctl --user start app.service
        """)
      let group = try service.box.ask("cat /run/got/group")
      #expect(group.contains("/user@\(uid).service/") && group.hasSuffix("/app.service"), "\(group)")
      let users = try service.box.ask("cat /run/got/answer")
      #expect(users.hasSuffix("403") && users.contains("in no system unit"), "\(users)")
    }

    @Test func `only administrators refresh, reload and see the whole`() throws {
      let service = try Service()
      try service.start()
      for path in ["/v1/status", "/metrics"] {
        #expect(try service.request(path, as: "reader").output.hasSuffix("403"))
        #expect(try service.request(path).output.hasSuffix("200"))
      }
      for words in [["reload"], ["refresh", "uploader"]] {
        #expect(try service.box.run(["rolekeeper"] + words, as: "reader").status == 1)
        #expect(try service.box.run(["rolekeeper"] + words).status == 0)
      }
    }
  }
}
