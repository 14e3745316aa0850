import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

@Suite(.serialized) struct SecrecyTests {
  static let proxyPassword = "Marked-Proxy-Password-71c4"
  static let externalID = "Marked-External-ID-9a2e"
  static let policyMark = "marked-bucket-5d30"
  /// With which the emulator begins each AccessKeySecret and SecurityToken of a session.
  static let secretMark = "EmulatedSecret"
  static let tokenMark = "CAIS"

  /// Every way that leads out of the daemon, but for the one that is for credentials.
  @Test func `no secret is in anything that the daemon says of itself`() throws {
    let lab = try Self.lab()
    let proxy = try addProxy(to: lab)
    // The second role never has a session: STS refuses it, and quotes the request.
    try lab.emulator.fault("kind=error&status=403&code=NoPermission&message=\(RealmDraft.key.secret)", role: "idle")
    let daemon = try lab.start(wrapper: Self.isRoot ? Self.inAnotherGroup : [])
    let events = try daemon.events()
    // Nobody but the daemon's user finds a secret on a disk; what is being made has even less of a mode.
    let files = try Self.tree(lab.draft.directory)
    #expect(files.contains { $0.contains("/credentials.json 400 ") }, "\(files)")
    for line in files { #expect(line.contains(#/ (0|400|700|711|link) /#), "\(line)") }
    let socket = Self.isRoot ? "rk.sock 660 0:\(Person.clients)" : "rk.sock 600 \(geteuid()):\(getegid())"
    #expect(try Self.tree(lab.directory.path).contains(socket))
    var secrets = [RealmDraft.key.secret, RealmDraft.otherKey.secret]
    var shown = try refusals(at: lab, &secrets)
    func take() throws {
      for role in ["uploader", "reports"] {
        let credential = try lab.credential(role)
        secrets += [credential.secret, credential.token]
      }
    }
    for _ in 0..<3 {
      try take()
      shown += try #require(try events.readLine())
    }
    // Failures quote the request in the message of some answers.
    try lab.emulator.fault("kind=error&status=400&code=SignatureDoesNotMatch&message=\(secrets[3].prefix(40))&count=2")
    try daemon.awaitLog("code=SignatureDoesNotMatch")
    try lab.write(key: RealmDraft.otherKey)
    try daemon.awaitLog("access_key_id=LTAI…hero")
    try lab.write(keyFile: "LTAIhalf,\(RealmDraft.otherKey.secret)")
    try daemon.awaitLog("AccessKey file can't be used")
    // A proxy that is down, one that refuses the password, and settings that can't be taken.
    try proxy.become(.refuse)
    // A key that STS doesn't know is tried again slowly; this is at once.
    #expect(try daemon.post("/v1/roles/uploader/refresh").status == 202)
    try daemon.awaitLog("code=ProxyUnreachable")
    try proxy.become(.answer(407))
    #expect(try daemon.post("/v1/reload").status == 200)
    try daemon.awaitLog("code=ProxyAuthentication")
    try lab.directory.write("\(Self.proxyPassword)\n\(Self.proxyPassword)", to: "proxy-password", mode: 0o400)
    shown += try daemon.post("/v1/reload").body
    #expect(shown.contains("proxy password file"))
    try eventually("the sessions end", within: 30) { try daemon.get("/v1/roles/uploader/credentials").status == 503 }
    shown += try daemon.get("/v1/roles/uploader/credentials").body
    for target in ["/v1/status", "/metrics", "/v1/roles", "/v1/roles/uploader", "/healthz", "/nowhere"] {
      shown += try daemon.get(target).body
    }
    for words in [["status"], ["status", "--json"], ["get", "nobody"], ["check", "--config", lab.configPath]] {
      let run = try ChildProcess.run([Programs.commandLine, "--socket", lab.draft.socketPath] + words)
      shown += run.output + run.errors
    }
    shown += try whatTheKernelShows(of: daemon)
    #expect(daemon.child.stop() == 0)
    // The stream ended with it: the rotations, the failures, and what has lapsed.
    var lines: [String] = []
    while let line = try events.readLine() { lines.append(line) }
    for state in ["failing", "lapsed"] { #expect(lines.contains { $0.contains("\"\(state)\"") }, "\(state): \(lines)") }
    #expect(lines.count >= 6, "\(lines)")
    shown += lines.joined()
    shown += daemon.log + daemon.child.output
    shown += daemon.notify.messages()
    #expect(shown.contains(RealmDraft.key.id), "what is no secret is shown")
    #expect(shown.contains("LTAI…hero") && !shown.contains(RealmDraft.otherKey.id), "STS has never accepted it")
    // What marks every session's secret and token, those too that nobody read.
    #expect(secrets.count { $0.hasPrefix(Self.secretMark) } == secrets.count { $0.hasPrefix(Self.tokenMark) })
    for mark in [Self.secretMark, Self.tokenMark] { #expect(!shown.contains(mark), "shown: \(mark)…") }
    // As it goes to the proxy, too.
    let basic = Self.base64("keeper:\(Self.proxyPassword)")
    for secret in secrets + [Self.proxyPassword, basic, Self.externalID, Self.policyMark] {
      #expect(!shown.contains(secret), "shown: \(secret)")
      // Not a part of one either.
      #expect(!shown.contains(secret.prefix(12)) && !shown.contains(secret.suffix(12)), "shown in part: \(secret)")
    }
    #expect(try proxy.heads().contains(basic), "the proxy alone has it")
  }

  static let isRoot = geteuid() == 0
  /// As root, in no group of root's: what can be dumped is then this group's below `/proc`.
  static let inAnotherGroup = ["/usr/bin/setpriv", "--regid=\(Person.media)", "--clear-groups"]

  /// Sessions live for seconds, but for those of `batch`, which live as long as asked.
  private static func lab() throws -> Lab {
    var realm = RealmDraft(lifetime: "4s", roles: ["uploader", "reports", "idle"])
    realm.roles["batch"] = .some(nil)
    return try Lab(realm) { draft in
      draft.level = "debug"
      draft.roles += ["idle", "batch"].map { SettingsDraft.Role($0) }
      draft.roles[0].files = SettingsDraft.Role.file("credentials.json")
      draft.roles[0].more = "external_id = \"\(externalID)\"\npolicy_file = \"uploader.policy.json\""
      if isRoot { draft.socket = "mode = \"0660\"\ngroup = \(Person.clients)" }
    }
  }

  /// The bodies of what is answered instead of a credential, of each kind. A stranger is refused where we can be one.
  private func refusals(at lab: Lab, _ secrets: inout [String]) throws -> String {
    let reserved = try Credential(try lab.daemon.get("/v1/roles/batch/credentials?min_ttl=1200"))
    secrets += [reserved.secret, reserved.token]
    var shown = ""
    for (target, status) in [
      ("uploader/credentials?min_ttl=7200", 409), ("uploader/credentials?min_ttl=1800", 409),
      ("batch/credentials?min_ttl=3000", 429), ("idle/credentials", 503),
    ] {
      let reply = try lab.daemon.get("/v1/roles/\(target)")
      #expect(reply.status == status && reply.body.contains("detail"), "\(target): \(reply)")
      shown += reply.body
    }
    guard Self.isRoot else { return shown }
    for target in ["uploader/credentials", "uploader"] {
      let reply = try lab.ask("/v1/roles/\(target)", as: Person.stranger)
      #expect(reply.status == 403 && reply.body.contains("detail"), "\(target): \(reply)")
      shown += reply.body
    }
    return shown
  }

  /// What `/proc` has of the process. Only root sees the environment of what can't be dumped.
  private func whatTheKernelShows(of daemon: DaemonProcess) throws -> String {
    let home = "/proc/\(daemon.child.pid)"
    func text(_ name: String) throws -> String {
      let text = try #require(FileText.read("\(home)/\(name)"), "\(name) can't be read")
      #expect(!text.isEmpty, "\(name) is empty")
      return text
    }
    var shown = try ["cmdline", "comm", "status", "limits"].map(text).joined()
    #expect(shown.contains(#/Max core file size +0 +0 /#), "\(shown)")
    guard Self.isRoot else {
      #expect(FileText.read("\(home)/environ")?.isEmpty != false, "it can be dumped")
      return shown
    }
    let environment = try text("environ")
    #expect(environment.contains("NOTIFY_SOCKET="), "\(environment)")
    shown += environment + (try text("coredump_filter"))
    // proc(5): root's, whoever runs it, where it can't be dumped; else of the process's own group.
    let other = try ChildProcess(Self.inAnotherGroup + ["/bin/sleep", "60"], in: TemporaryDirectory())
    try eventually("what can be dumped shows its group") {
      FileStatus("/proc/\(other.pid)/environ")?.gid == Person.media
    }
    #expect(FileStatus("\(home)/environ")?.gid == 0, "it can be dumped")
    return shown
  }

  /// Sends everything through a proxy that asks for a password, and gives the first role a policy.
  private func addProxy(to lab: Lab) throws -> BreakableRelay {
    let proxy = try BreakableRelay(in: lab.directory, named: "proxy")
    try proxy.become(.password(user: "keeper", password: Self.proxyPassword))
    try lab.directory.write("\(Self.proxyPassword)\n", to: "proxy-password", mode: 0o400)
    lab.draft.sts += "\nproxy = \"http://keeper@\(proxy.endpoint)\""
    lab.draft.sts += "\nproxy_password_file = \"\(lab.directory.path("proxy-password"))\""
    try lab.directory.write(
      #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:*","Resource":"acs:oss:*:*:\#(Self.policyMark)"}]}"#,
      to: "uploader.policy.json")
    try lab.writeSettings()
    return proxy
  }

  private static func base64(_ text: String) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    let bytes = Array(text.utf8)
    var encoded = ""
    for start in stride(from: 0, to: bytes.count, by: 3) {
      let group = (0..<3).map { start + $0 < bytes.count ? Int(bytes[start + $0]) : 0 }
      let number = group[0] << 16 | group[1] << 8 | group[2]
      let count = min(3, bytes.count - start)
      for place in 0...3 { encoded.append(place > count ? "=" : digits[number >> (18 - 6 * place) & 63]) }
    }
    return encoded
  }

  /// Everything that the daemon makes on a disk or in memory that others see.
  @Test(.needs(.root)) func `every file and directory has the mode and the owner that the settings say, and no other`()
    throws
  {
    let lab = try Lab(RealmDraft(lifetime: nil)) { draft in
      draft.socket = "mode = \"0660\"\ngroup = \(Person.clients)"
      draft.roles[0].files = """
        path = "credentials.json"
        owner = \(Person.reader)
        group = \(Person.media)
        mode = "0440"
        [[roles.uploader.files]]
        path = "credentials.env"
        format = "env"
        """
    }
    let elsewhere = lab.directory.path("elsewhere")
    mkdir(elsewhere, 0o711)
    lab.draft.roles[1].files = SettingsDraft.Role.file(
      "\(elsewhere)/reports.json", "owner = \(Person.stranger)\ngroup = 0")
    try lab.writeSettings()
    var before = try Self.tree(lab.directory.path)
    let daemon = try lab.start()
    let events = try daemon.events()
    for role in ["uploader", "uploader", "reports"] {
      #expect(try daemon.post("/v1/roles/\(role)/refresh").status == 202)
      try lab.await(events) { $0.kind == .rotated && $0.role == role }
    }
    // What is on its way to a disk has a name of its own until it is there; then there is this generation and the one before.
    var made: [String] = []
    var generations: [UInt64] = []
    try eventually("all files are in place") {
      // Asked first: what is looked at after the swap is whole.
      let isSwapped = FileChecker.target("\(lab.draft.directory)/uploader/current") == "gen-3"
      made = try Self.tree(lab.directory.path)
      generations = made.compactMap {
        $0.firstMatch(of: #/^roles/uploader/gen-([0-9]+) /#).flatMap { UInt64($0.1) }
      }
      return isSwapped && !made.contains { $0.contains(".rolekeeper-new") } && generations.count == 2
    }
    before += ["daemon.err", "daemon.out", "daemon.notify"].map { "\($0) " }
    made.removeAll { line in
      before.contains { line.hasPrefix($0.prefix { $0 != " " } + " ") } && !line.hasPrefix("elsewhere/")
    }
    var expected = [
      "elsewhere/reports.json 400 \(Person.stranger):0", "elsewhere/.reports.json.rolekeeper-expires link 0:0",
      "rk.sock 660 0:\(Person.clients)", "rk.sock.generations 600 0:0", "roles 711 0:0",
    ]
    expected +=
      ["roles/uploader 711 0:0"]
      + ["current", "credentials.env", "credentials.json"].map { "roles/uploader/\($0) link 0:0" }
    for generation in generations {
      let home = "roles/uploader/gen-\(generation)"
      expected += [
        "\(home) 711 0:0", "\(home)/credentials.env 400 0:0", "\(home)/.expires link 0:0", "\(home)/.rotation link 0:0",
      ]
      expected += ["\(home)/credentials.json 440 \(Person.reader):\(Person.media)"]
    }
    #expect(made == expected.sorted())
    #expect(daemon.child.stop() == 0)
  }

  /// Everything below a directory, a line each, by name: its mode and its owner's and group's numbers.
  private static func tree(_ path: String) throws -> [String] {
    let run = try ChildProcess.run([
      "/usr/bin/find", path, "-mindepth", "1", "(", "-type", "l", "-printf", "%P link %U:%G\\n", ")", "-o", "-printf",
      "%P %m %U:%G\\n",
    ])
    return run.output.split(separator: "\n").map(String.init).sorted()
  }

  @Test(.needs(.root)) func `nobody else can look into the process, and it leaves no core`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    for path in [lab.directory.path, lab.configPath, lab.draft.keyPath, lab.emulator.authorityPath] {
      chown(path, Person.reader, Person.reader)
    }
    let words = Person.words(Person.reader, groups: [])
    let daemon = try lab.start(wrapper: words)
    let home = "/proc/\(daemon.child.pid)"
    // What can't be dumped belongs to root there, whoever runs it (proc(5)).
    #expect(FileStatus("\(home)/environ")?.uid == 0)
    for name in ["environ", "maps", "mem"] {
      #expect(try ChildProcess.run(words + ["/usr/bin/head", "-c1", "\(home)/\(name)"]).status != 0, "\(name)")
    }
    let limits = try #require(FileText.read("\(home)/limits"))
    #expect(limits.contains(#/Max core file size +0 +0 /#))
  }
}
