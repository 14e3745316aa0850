import Core
import Glibc
import TestNeeds
import Laboratory
import TestSupport
import Testing
import Wire

@Suite(.serialized) struct SecrecyTests {
  /// Every way that leads out of the daemon, but for the one that is for credentials.
  @Test func `no secret is in anything that the daemon says of itself`() throws {
    let lab = try Lab(RealmDraft(lifetime: "4s")) { draft in
      draft.level = "debug"
      draft.roles[0].files = SettingsDraft.Role.file("credentials.json")
    }
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
    for target in ["/v1/status", "/metrics", "/v1/roles", "/v1/roles/uploader", "/healthz", "/nowhere"] {
      told += try daemon.get(target).body
    }
    told += try daemon.post("/v1/reload").body
    for words in [["status"], ["status", "--json"], ["get", "nobody"], ["check", "--config", lab.configPath]] {
      let run = try ChildProcess.run([Programs.commandLine, "--socket", lab.draft.socketPath] + words)
      told += run.output + run.errors
    }
    for name in ["cmdline", "environ", "comm", "status"] {
      told += FileText.read("/proc/\(daemon.child.pid)/\(name)") ?? ""
    }
    #expect(daemon.child.stop() == 0)
    told += daemon.log + daemon.child.output
    #expect(told.contains(RealmDraft.otherKey.id), "what is no secret is told")
    for secret in secrets {
      #expect(!told.contains(secret), "told: \(secret)")
      // Not a part of one either.
      #expect(!told.contains(secret.prefix(12)) && !told.contains(secret.suffix(12)), "told in part: \(secret)")
    }
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
