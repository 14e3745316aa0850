import Core
import Glibc
import JSON
import Laboratory
import TestNeeds
import TestSupport
import Testing

/// What docs/consumers.md warns of, with the packages themselves: when a warning no longer holds, it goes.
@Suite(.serialized, .needs(.consumers)) struct ConsumerTrapTests {
  /// A daemon that isn't started yet, with one role.
  private func lab(_ role: String, lifetime: String? = "170s") throws -> Lab {
    try Lab(RealmDraft(lifetime: lifetime, roles: [role])) { $0.roles = [SettingsDraft.Role(role)] }
  }

  private func started(_ name: String, in lab: Lab, environment: [String: String] = [:]) throws -> ConsumerProcess {
    let consumer = try ConsumerProcess(name, in: lab, environment: environment)
    #expect(try consumer.outcome().error == nil)
    return consumer
  }

  // MARK: - The order of starts

  @Test func `a consumer that asks before the daemon is there gets its session when it is`() throws {
    let lab = try lab("external-provider")
    let consumer = try started("external-provider", in: lab)
    try consumer.ask()
    try lab.start()
    #expect(try consumer.outcome().error == nil, "\(consumer.errors)")
    #expect(try lab.emulator.signers(of: "GetCallerIdentity").contains(lab.credential("external-provider").keyID))
  }

  @Test func `a chain whose first call finds no daemon stays with the next source`() throws {
    let lab = try lab("fallen-chain")
    let consumer = try started(
      "fallen-chain", in: lab, environment: ["PERMANENT_KEY": "\(RealmDraft.key.id):\(RealmDraft.key.secret)"])
    #expect(try consumer.use().error == nil)
    try lab.start()
    try lab.emulator.ask("DELETE", "/requests")
    #expect(try consumer.use().error == nil)
    #expect(try lab.emulator.signers(of: "GetCallerIdentity") == [RealmDraft.key.id])
  }

  // MARK: - Users

  @Test(.needs(.root))
  func `a helper whose user may not read the role, or no longer, is an error with its reason, and nothing is signed`()
    throws
  {
    let lab = try Lab(RealmDraft(lifetime: "170s", roles: ["other-user"])) { settings in
      settings.socket = "mode = \"0660\"\ngroup = \(Person.clients)"
      settings.roles = [SettingsDraft.Role("other-user", more: "allow = { users = [\(Person.reader)] }")]
    }
    try lab.start()
    func consumer(_ uid: UInt32) throws -> ConsumerProcess {
      try started(
        "other-user", in: lab, environment: ["HELPER_RUNS_BY": Person.words(uid).joined(separator: " ")])
    }
    let reader = try consumer(Person.reader)
    #expect(try reader.use().error == nil)
    lab.draft.roles[0].more = "allow = { users = [\(Person.admin)] }"
    try lab.writeSettings()
    #expect(try lab.rolekeeper("reload").status == 0)
    try lab.emulator.ask("DELETE", "/requests")
    for consumer in [reader, try consumer(Person.stranger)] {
      let error = try #require(try consumer.use().error)
      #expect(error.contains("exit status 1") && error.contains("role 'other-user'"), "\(error)")
    }
    #expect(try lab.emulator.calls(to: "GetCallerIdentity") == 0)
  }

  // MARK: - The loopback URI

  /// A daemon with the URI, whose roles have the consumers' names and lines of their own.
  private func lab(at address: LoopbackAddress, _ names: [String], _ more: String) throws -> Lab {
    var realm = RealmDraft(lifetime: "170s", roles: names)
    realm.rights = Dictionary(uniqueKeysWithValues: names.map { ($0, ["oss:*"]) })
    return try Lab(realm, hasStorage: true) { settings in
      settings.socket = "mode = \"0666\""
      settings.loopback = [address.description]
      settings.roles = names.map { SettingsDraft.Role($0, more: more) }
    }
  }

  @Test(.needs(.root)) func `three users' SDKs get at the URI what their user may, each a session of its own`() throws {
    let address = TCPSocket.freeAddress()
    let names = ["uri-variable", "uri-oss2", "container-botocore", "container-minio"]
    let lab = try lab(
      at: address, names,
      "session_per = \"user\"\nallow = { users = [\(Person.reader), \(Person.admin)] }")
    try lab.start()
    var seen: Set<String> = []
    for uid in [Person.reader, Person.admin, Person.stranger] {
      for name in names {
        let consumer = try ConsumerProcess(
          name, in: lab, uri: "http://\(address)/\(name)", wrapper: Person.wordsSeeingAll(uid))
        try lab.emulator.ask("DELETE", "/requests")
        // Some fetch a credential before their first request.
        let error = try consumer.outcome().error ?? consumer.use().error
        let action = name == "uri-variable" ? "GetCallerIdentity" : "PutObject"
        let signers = try lab.emulator.signers(of: action)
        if uid == Person.stranger {
          #expect(error != nil && signers.isEmpty, "\(name)")
          continue
        }
        let own = try Credential(document: lab.rolekeeper("get", name, wrapper: Person.words(uid)).output)
        #expect(error == nil && signers == [own.keyID], "\(name): \(error ?? "")")
        #expect(seen.isDisjoint(with: signers))
        seen.formUnion(signers)
      }
    }
  }

  @Test(.needs(.root)) func `a shared file comes before the URI, and variables before a helper and the URI`() throws {
    try ConsumerLab(
      [
        "file-before-uri-botocore", "file-before-uri-rclone", "file-before-uri-restic", "leftover-variables",
        "leftover-variables-uri",
      ], lifetime: "170s", at: TCPSocket.freeAddress()
    ).expectNoChange(over: 1)
  }

  @Test(.needs(.root)) func `botocore takes plain http from loopback literals and localhost alone`() throws {
    let address = TCPSocket.freeAddress()
    let lab = try lab(at: address, ["other-hosts"], "allow = { users = [0] }")
    try lab.start()
    let consumer = try ConsumerProcess("other-hosts", in: lab, uri: "http://\(address)/other-hosts")
    _ = try consumer.outcome()
    let error = try #require(try consumer.use().error)
    #expect(error.contains("0.0.0.0: Unsupported host") && error.contains("127.1: Unsupported host"), "\(error)")
    #expect(!error.contains("127.0.0.1:") && lab.daemon.logLines("credential handed out").count == 1, "\(error)")
  }

  /// The same consumer without the proxy is served: `those that ask the loopback URI sign with the new session after each rotation`.
  @Test(.needs(.root)) func `with a proxy in the environment the URI isn't asked, whatever NO_PROXY says`() throws {
    let address = TCPSocket.freeAddress()
    let lab = try Lab(RealmDraft(lifetime: "170s", roles: ["uri-proxied"])) { settings in
      settings.loopback = [address.description]
      settings.roles = [SettingsDraft.Role("uri-proxied", more: "allow = { users = [0] }")]
    }
    try lab.start()
    let consumer = try ConsumerProcess("uri-proxied", in: lab, uri: "http://\(address)/uri-proxied")
    _ = try consumer.outcome()
    let error = try #require(try consumer.use().error)
    #expect(error.contains("unable to load credentials"), "\(error)")
    #expect(!lab.daemon.log.contains("credential handed out"))
  }

  // MARK: - Margins

  @Test func `inside its margin a consumer fails without the daemon, and a file's reader goes on`() throws {
    let consumers = try ConsumerLab(
      ["external-provider", "botocore-process", "minio-file", "restic-file"], lifetime: "170s")
    for use in try consumers.use() { #expect(use.keyID != nil, "\(use)") }
    #expect(consumers.lab.daemon.child.stop() == 0)
    let uses = try consumers.use()
    #expect(uses.map { $0.keyID != nil } == [false, false, true, true], "\(uses)")
    #expect(uses[1].error?.contains("CredentialRetrievalError") == true, "\(uses[1])")
  }

  @Test func `outside its margin a consumer keeps its session though that is dead`() throws {
    // 15 min are left.
    let consumers = try ConsumerLab(["external-profile", "external-provider", "oss2", "pyodps"], lifetime: nil)
    let first = try consumers.use()
    try consumers.rotate()
    for (use, before) in zip(try consumers.use(), first) {
      let old = try #require(before.keyID)
      #expect(use.keyID == nil && use.error?.contains(old) == true, "\(use)")
    }
  }

  // MARK: - config.json

  @Test func `External writes the session into a config.json that it can write to, in place of a symlink`() throws {
    let lab = try lab("written-back")
    try lab.start()
    let consumer = try started("written-back", in: lab)
    #expect(try consumer.use().error == nil)
    let session = try lab.credential("written-back")
    let path = "\(consumer.home)/.aliyun/config.json"
    var status = stat()
    #expect(lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG)
    #expect(try #require(FileText.read(path)).contains(session.token))
    #expect(FileText.read("\(consumer.home)/kept/config.json")?.contains(session.keyID) == false)
  }

  @Test(.needs(.root))
  func `External leaves a config.json that it can't write to, and warns three times`() throws {
    let lab = try lab("external-profile")
    try lab.start()
    let consumer = try ConsumerProcess(
      "external-profile", in: lab, wrapper: ["/usr/bin/setpriv", "--bounding-set", "-dac_override"])
    #expect(try consumer.outcome().error == nil)
    let path = "\(consumer.home)/.aliyun/config.json"
    let before = try #require(FileText.read(path))
    #expect(try consumer.use().error == nil)
    #expect(try lab.emulator.signers(of: "GetCallerIdentity").contains(lab.credential("external-profile").keyID))
    #expect(FileText.read(path) == before)
    let warnings = consumer.errors.split(separator: "\n").count { $0.contains("Permission denied") }
    #expect(warnings == 3, "\(consumer.errors)")
  }

  // MARK: - Environment files

  @Test func `dotenv, docker's client and shells read the same from env-file, and docker refuses env`() throws {
    let lab = try lab("uploader")
    try lab.start()
    let session = try lab.credential("uploader")
    func read(_ format: String) throws -> [Substring] {
      let text = try lab.rolekeeper("get", "uploader", "--format", format).output
      let path = try lab.directory.write(text, to: format, mode: 0o400)
      let run = try ChildProcess.run([
        "\(ConsumerProcess.root)/python/bin/python", "\(ConsumerProcess.scripts)/environment.py", path,
        "\(ConsumerProcess.root)/debian/usr/bin/docker",
      ])
      #expect(run.status == 0, "\(run.errors)")
      return run.output.split(separator: "\n")
    }
    let values = "\(session.keyID) \(session.secret) \(session.token)"
    #expect(
      try read("env-file") == ["dotenv: \(values)", "docker: \(values)", "bash: \(values)", "sh: \(values)"])
    let quoted = try read("env")
    #expect(quoted.filter { $0.hasSuffix(values) }.count == 3, "\(quoted)")
    #expect(quoted[1].hasPrefix("docker: ") && quoted[1].contains("contains whitespaces"), "\(quoted)")
  }

  // MARK: - Others

  /// pyodps fetches a credential as its client is made, the others with their first request.
  @Test func `the document's Python runs as it stands`() throws {
    let lab = try lab("uploader")
    try lab.start()
    let script = """
      import re, sys
      names = {"endpoint": "http://127.0.0.1:9"}
      blocks = re.findall("```python\\n(.*?)```", open(sys.argv[1]).read(), re.S)
      for block in blocks: exec(block, names)
      print(len(blocks), names["session"]().access_key_id)
      """
    let run = try ChildProcess.run(
      [
        "\(ConsumerProcess.root)/python/bin/python", "-c", script, "\(ConsumerProcess.repository)/docs/consumers.md",
      ],
      environment: [
        "PATH": "\(Programs.directory):/usr/bin:/bin", "HOME": lab.directory.path,
        "ROLEKEEPER_SOCKET": lab.draft.socketPath,
      ])
    #expect(try run.output == "4 \(lab.credential("uploader").keyID)\n", "\(run.errors)")
  }

  @Test(arguments: [
    ("rclone-bundle", "unable to load custom CA bundle"), ("s3cmd-configured", "Configuration file not available"),
  ])
  func `rclone with a CA bundle for AWS, and s3cmd with an empty configuration, fail`(
    name: String, message: String
  ) throws {
    let lab = try lab(name)
    try lab.start()
    let error = try #require(try started(name, in: lab).use().error)
    #expect(error.contains(message), "\(error)")
  }

  /// With a message it would be no trap: it reports what the cloud says of a request without a signature.
  @Test func `restic whose helper fails sends requests that nobody signed`() throws {
    let lab = try Lab(RealmDraft(lifetime: "170s", roles: ["restic-failing"]), hasStorage: true) {
      $0.roles = [SettingsDraft.Role("restic-failing")]
    }
    try lab.start()
    let consumer = try started("restic-failing", in: lab)
    #expect(try consumer.use().error != nil)
    #expect(try lab.emulator.signers(of: "HeadBucket") == [""])
    #expect(consumer.errors.contains("Access Denied") && !consumer.errors.contains("nobody"), "\(consumer.errors)")
  }

  @Test func `the older SDK's variables win over a session that it was given`() throws {
    let lab = try lab("sdk-core-variables")
    try lab.start()
    let consumer = try started(
      "sdk-core-variables", in: lab, environment: ["PERMANENT_KEY": "\(RealmDraft.key.id):\(RealmDraft.key.secret)"])
    #expect(try consumer.use().error == nil)
    #expect(try lab.emulator.signers(of: "GetCallerIdentity") == [RealmDraft.key.id])
  }

  @Test func `dashscope takes no session`() throws {
    let lab = try lab("dashscope")
    try lab.start()
    let error = try #require(try started("dashscope", in: lab).use().error)
    #expect(error.contains("AuthenticationError") && error.contains("api key"), "\(error)")
  }

  @Test func `a hundred gets at once have the same session`() throws {
    let lab = try lab("uploader", lifetime: nil)
    try lab.start()
    let script = #"for i in $(seq 100); do "$1" --socket "$2" get uploader --field access_key_id & done; wait"#
    let run = try ChildProcess.run(["/bin/bash", "-c", script, "bash", Programs.commandLine, lab.draft.socketPath])
    let keyID = try lab.credential("uploader").keyID
    #expect(run.output.split(separator: "\n").map(String.init) == Array(repeating: keyID, count: 100), "\(run.errors)")
  }
}
