import SystemBox
import Testing
import TestSupport

extension UnderSystemd {
  /// Starts on a host where something is missing or wrong.
  @Suite struct AdverseStartTests {
    private static let key = "/etc/rolekeeper/access-key"
    private static let socketUnits = "rolekeeper.socket rolekeeper-credentials.socket"

    @Test(arguments: Release.all)
    func `started without a network it is ready all the same, and goes on by itself when that comes`(_ release: Release)
      throws
    {
      let service = try Service(under: release)
      // No name can be looked up, and no address but this host's own is reached.
      try service.box.ask("cp /etc/hosts /root/hosts; sed -i /\(InstalledHost.stsName)/d /etc/hosts")
      defer { _ = try? service.box.ask("cp /root/hosts /etc/hosts") }
      try service.start()
      #expect(try service.property("ActiveState") == "active" && service.property("NRestarts") == "0")
      #expect(try service.property("StatusText").hasPrefix("0 of 2 roles valid"))
      #expect(try service.request("/healthz").output.hasSuffix("503"))
      try service.box.ask("cp /root/hosts /etc/hosts")
      #expect(try service.request("/v1/roles/uploader/credentials?wait=60", as: "reader").output.hasSuffix("200"))
      #expect(try service.property("NRestarts") == "0")
    }

    @Test(arguments: Release.all, [false, true])
    func `without its settings it ends with 78, or with sockets it stays up, and names the file each time`(
      _ release: Release, _ hasSockets: Bool
    ) throws {
      let service = try Service(under: release)
      try service.box.ask("rm \(Service.settings)")
      if hasSockets { try service.box.ask("systemctl start \(Self.socketUnits)") }
      defer {
        _ = try? service.box.ask(
          "systemctl stop \(Self.socketUnits) \(Service.unit); systemctl reset-failed 2>/dev/null || true")
      }
      #expect(try (service.systemctl("start").status == 0) == hasSockets)
      let said = try service.journal.text()
      #expect(said.contains("'\(Service.settings)'") || said.contains("\(Service.settings):"), "\(said)")
      guard hasSockets else {
        #expect(try service.property("ExecMainStatus") == "78" && service.property("NRestarts") == "0")
        return
      }
      let answer = try service.request("/v1/roles/uploader/credentials", as: "reader")
      #expect(answer.output.hasSuffix("503") && answer.output.contains(Service.settings), "\(answer)")
      #expect(try service.property("StatusText").hasPrefix("not serving: "))
      try service.write(SettingsText.usual)
      #expect(try service.systemctl("reload").status == 0)
      #expect(try service.request("/v1/roles/uploader/credentials?wait=20", as: "reader").output.hasSuffix("200"))
    }

    struct WrongKey: CustomTestStringConvertible, Sendable {
      let name: String
      /// A script that prints it, with the good one in /root/key; none leaves the file away.
      let make: String
      /// What the status says.
      let says: String

      var testDescription: String { name }
    }

    private static let unknown = WrongKey(
      name: "unknown", make: "sed s/LTAIkeeper/LTAInobodys/ /root/key", says: "InvalidAccessKeyId.NotFound")
    private static let otherSecret = WrongKey(
      name: "another secret", make: "sed s/marked-secret/other-secret/ /root/key", says: "SignatureDoesNotMatch")
    private static let half = WrongKey(name: "half", make: "echo 'AccessKey ID,Acc'", says: key)
    private static let missing = WrongKey(name: "missing", make: "", says: key)

    /// Half a key and none: in `StartTests`.
    @Test(arguments: [unknown, otherSecret])
    func `with an AccessKey that STS refuses it stays up and says so, and a restart takes the right one`(
      _ wrong: WrongKey
    ) throws {
      try Self.start(.machine, with: wrong, isEncrypted: false)
    }

    @Test(arguments: Release.all, [unknown, half, missing])
    func `with a wrong AccessKey that is encrypted it stays up and says so, and a restart takes the right one`(
      _ release: Release, _ wrong: WrongKey
    ) throws {
      try Self.start(release, with: wrong, isEncrypted: true)
    }

    private static func start(_ release: Release, with wrong: WrongKey, isEncrypted: Bool) throws {
      let service = try Service(under: release)
      let file = isEncrypted ? "\(key).cred" : key
      try service.box.ask("cp --preserve \(key) /root/key")
      defer { _ = try? service.box.ask("cp --preserve /root/key \(key); rm -f \(key).cred") }
      /// Puts what the script prints in place, as the unit wants it.
      func put(_ script: String) throws {
        let encryption = isEncrypted ? "systemd-creds encrypt --with-key=host --name=access-key - -" : "cat"
        try service.box.ask("(\(script)) | \(encryption) >/root/new; install -m 0400 /root/new \(file); rm /root/new")
      }
      if isEncrypted {
        try service.box.ask("systemd-creds setup 2>/dev/null")
        try service.override("LoadCredential=\nLoadCredentialEncrypted=access-key:\(file)")
      }
      if !wrong.make.isEmpty { try put(wrong.make) }
      try service.start()
      #expect(try service.property("ActiveState") == "active" && service.property("NRestarts") == "0")
      let said = try service.box.script("rolekeeper status; systemctl status \(Service.unit)").output
      #expect(said.contains(wrong.says), "\(said)")
      #expect(try service.request("/healthz").output.hasSuffix("503"))
      #expect(try !service.journal.everything().contains("other-secret"))
      try put("cat /root/key")
      #expect(try service.systemctl("restart").status == 0)
      #expect(try service.property("StatusText").hasPrefix("2 of 2 roles valid"))
    }

    @Test func `restarted without an AccessKey it serves on what it has, for longer than it waits for one`() throws {
      let service = try Service(under: .machine)
      try service.start()
      let credential = try service.credential("uploader", as: "reader")
      try service.box.ask("mv \(Self.key) /root/key")
      defer { _ = try? service.box.ask("mv /root/key \(Self.key) 2>/dev/null || true") }
      #expect(try service.systemctl("restart").status == 0)
      let pid = try service.mainPID()
      let reads = try service.box.ask(
        """
        end=$(($(date +%s) + 17))
        while [ $(date +%s) -lt $end ]; do
          rolekeeper get uploader --format env | sha256sum
          sleep 0.1
        done | sort | uniq -c
        """)
      #expect(reads.split(separator: "\n").count == 1, "\(reads)")
      #expect(try service.mainPID() == pid && service.property("NRestarts") == "0")
      #expect(try service.credential("uploader", as: "reader") == credential)
      #expect(try service.box.script("rolekeeper status").output.contains(Self.key))
      try service.box.ask("mv /root/key \(Self.key)")
      #expect(try service.systemctl("restart").status == 0)
      #expect(try service.credential("uploader", as: "reader") == credential)
    }

    @Test(arguments: Release.all)
    func `a read-only etc is enough for its whole life`(_ release: Release) throws {
      let service = try Service(under: release)
      try service.box.ask("mount --bind /etc /etc && mount -o remount,bind,ro /etc")
      defer { _ = try? service.box.ask("umount /etc") }
      #expect(try service.box.script("touch /etc/rolekeeper/x").status != 0)
      try service.start()
      let credential = try service.credential("uploader", as: "reader")
      let check = try service.box.run(["rolekeeper", "check"])
      #expect(check.status == 0, "\(check)")
      #expect(try service.systemctl("reload").status == 0)
      #expect(try service.systemctl("restart").status == 0)
      try service.box.ask("kill -KILL \(service.mainPID())")
      #expect(
        try eventually { try service.property("NRestarts") == "1" && service.property("ActiveState") == "active" })
      #expect(try service.credential("uploader", as: "reader") == credential)
      #expect(try service.systemctl("stop").status == 0 && service.property("Result") == "success")
    }
  }
}
