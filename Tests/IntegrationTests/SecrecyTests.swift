import Core
import Glibc
import TestNeeds
import Laboratory
import TestSupport
import Testing
import Wire

@Suite(.serialized) struct SecrecyTests {
  static let proxyPassword = "Marked-Proxy-Password-71c4"
  static let externalID = "Marked-External-ID-9a2e"
  static let policyMark = "marked-bucket-5d30"

  /// Every way that leads out of the daemon, but for the one that is for credentials.
  @Test func `no secret is in anything that the daemon says of itself`() throws {
    let lab = try Lab(RealmDraft(lifetime: "4s")) { draft in
      draft.level = "debug"
      draft.roles[0].files = SettingsDraft.Role.file("credentials.json")
      draft.roles[0].more = "external_id = \"\(Self.externalID)\"\npolicy_file = \"uploader.policy.json\""
    }
    let proxy = try addProxy(to: lab)
    let daemon = try lab.start()
    let events = try daemon.events()
    var secrets = [RealmDraft.key.secret, RealmDraft.otherKey.secret]
    var told = ""
    func take() throws {
      for role in ["uploader", "reports"] {
        let credential = try lab.credential(role)
        secrets += [credential.secret, credential.token]
      }
    }
    for _ in 0..<3 {
      try take()
      told += try #require(try events.readLine())
    }
    // Failures quote the request in the message of some answers.
    try lab.emulator.fault("kind=error&status=400&code=SignatureDoesNotMatch&message=\(secrets[3].prefix(40))&count=2")
    try daemon.awaitLog("code=SignatureDoesNotMatch")
    try lab.write(key: RealmDraft.otherKey)
    try daemon.awaitLog("AccessKey changed")
    try lab.write(keyFile: "LTAIhalf,\(RealmDraft.otherKey.secret)")
    try daemon.awaitLog("AccessKey not read again")
    // A proxy that is down, one that refuses the password, and settings that can't be taken.
    try proxy.become(.refuse)
    // A key that STS doesn't know is tried again slowly; this is at once.
    #expect(try daemon.post("/v1/roles/uploader/refresh").status == 202)
    try daemon.awaitLog("code=ProxyUnreachable")
    try proxy.become(.answer(407))
    #expect(try daemon.post("/v1/reload").status == 200)
    try daemon.awaitLog("code=ProxyAuthentication")
    try lab.directory.write("\(Self.proxyPassword)\n\(Self.proxyPassword)", to: "proxy-password", mode: 0o400)
    told += try daemon.post("/v1/reload").body
    #expect(told.contains("proxy password file"))
    for target in ["/v1/status", "/metrics", "/v1/roles", "/v1/roles/uploader", "/healthz", "/nowhere"] {
      told += try daemon.get(target).body
    }
    for words in [["status"], ["status", "--json"], ["get", "nobody"], ["check", "--config", lab.configPath]] {
      let run = try ChildProcess.run([Programs.commandLine, "--socket", lab.draft.socketPath] + words)
      told += run.output + run.errors
    }
    for name in ["cmdline", "environ", "comm", "status"] {
      told += FileText.read("/proc/\(daemon.child.pid)/\(name)") ?? ""
    }
    #expect(daemon.child.stop() == 0)
    told += daemon.log + daemon.child.output
    told += daemon.notify.messages()
    #expect(told.contains(RealmDraft.otherKey.id), "what is no secret is told")
    // As it goes to the proxy, too.
    let basic = Self.base64("keeper:\(Self.proxyPassword)")
    for secret in secrets + [Self.proxyPassword, basic, Self.externalID, Self.policyMark] {
      #expect(!told.contains(secret), "told: \(secret)")
      // Not a part of one either.
      #expect(!told.contains(secret.prefix(12)) && !told.contains(secret.suffix(12)), "told in part: \(secret)")
    }
    #expect(try proxy.heads().contains(basic), "the proxy alone was told")
  }

  /// Sends everything through a proxy that asks for a password, and gives the first role a policy.
  private func addProxy(to lab: Lab) throws -> Crossing {
    let proxy = try Crossing(in: lab.directory, named: "proxy")
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
      made = try Self.tree(lab.directory.path)
      generations = made.compactMap {
        $0.firstMatch(of: #/^roles/uploader/gen-([0-9]+) /#).flatMap { UInt64($0.1) }
      }
      return !made.contains { $0.contains(".rolekeeper-new") } && generations.count == 2 && generations.last == 3
    }
    before += ["daemon.err", "daemon.out", "daemon.notify"].map { "\($0) " }
    made.removeAll { line in
      before.contains { line.hasPrefix($0.prefix { $0 != " " } + " ") } && !line.hasPrefix("elsewhere/")
    }
    var expected = [
      "elsewhere/reports.json 400 \(Person.stranger):0", "rk.sock 660 0:\(Person.clients)", "roles 711 0:0",
    ]
    expected +=
      ["roles/uploader 711 0:0"]
      + ["current", "credentials.env", "credentials.json"].map { "roles/uploader/\($0) link 0:0" }
    for generation in generations {
      let home = "roles/uploader/gen-\(generation)"
      expected += ["\(home) 711 0:0", "\(home)/credentials.env 400 0:0"]
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
