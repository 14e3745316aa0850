import Core
import Glibc
import JSON
import Laboratory
import TestSupport
import Testing
import Wire

/// `doctor`: what is wrong on a host, each really made.
@Suite(.serialized) struct DoctorTests {
  private typealias Run = (status: CInt, output: String, errors: String)

  private func doctor(
    _ lab: Lab, _ words: String..., wrapper: [String] = [], environment: [String: String] = [:]
  ) throws -> Run {
    let run = try ChildProcess.run(
      wrapper + [Programs.commandLine, "doctor", "--config", lab.configPath] + words, environment: environment)
    for secret in [RealmDraft.key.secret, "STS.", "marked"] { #expect(!"\(run)".contains(secret), "\(run)") }
    return run
  }

  /// For a user by number: the socket and its roles are open to the reader, the settings and the key to nobody else.
  private func lab() throws -> Lab {
    let lab = try Lab(RealmDraft(lifetime: nil)) { draft in
      draft.socket = "mode = \"0660\"\ngroup = \(Person.clients)"
      draft.roles[0].more = "allow = { users = [\(Person.reader)] }"
      draft.roles[1].more = "allow = { groups = [\(Person.media)] }"
    }
    chmod(lab.directory.path, 0o711)
    chmod(lab.configPath, 0o600)
    return lab
  }

  private func home(_ lab: Lab) throws -> String {
    let home = lab.directory.path("home")
    mkdir(home, 0o755)
    mkdir("\(home)/.aliyun", 0o755)
    return home
  }

  @Test func `on a good host nothing has failed, and no session is issued`() throws {
    let lab = try lab()
    try lab.start()
    let before = try lab.emulator.draws()
    let run = try doctor(lab)
    // The kernel of a build machine may have no synchronised clock.
    #expect(run.status < 2 && run.errors.isEmpty && !run.output.contains("failed  "), "\(run)")
    for words in [
      "ok       settings: '\(lab.configPath)' can be used; roles: 2", "ok       endpoint \(lab.emulator.endpoint): ",
      "ok       source main: the AccessKey is that of 'acs:ram::", "ok       clock: ",
      "ok       socket '\(lab.draft.socketPath)': the daemon answers user 'root'", "ok       version: ",
      "ok       role uploader: valid, renewed ", "skipped  user: ",
    ] { #expect(run.output.contains(words), "\(words) in:\n\(run.output)") }
    #expect(try lab.emulator.draws() == before)
  }

  @Test func `the same as one line of JSON`() throws {
    let lab = try lab()
    let run = try doctor(lab, "--json")
    #expect(run.status == 2 && run.output.split(separator: "\n").count == 1, "\(run)")
    let bytes = Array(run.output.utf8)
    let document = try JSONDocument(bytes.span)
    #expect(document.root["verdict"]?.string() == "failed")
    #expect(document.root["findings"]?.count ?? 0 > 5)
  }

  @Test func `bad settings, a key that STS refuses and a missing daemon are all found in one run`() throws {
    let lab = try lab()
    try lab.write(key: RealmDraft.otherKey)
    let dead = try doctor(lab)
    #expect(dead.status == 2, "\(dead)")
    for words in [
      "failed   source main: InvalidAccessKeyId.NotFound", "next: put an AccessKey that exists into '",
      "failed   socket '\(lab.draft.socketPath)': there is no such socket", "next: check 'systemctl status rolekeeper'",
    ] { #expect(dead.output.contains(words), "\(words) in:\n\(dead.output)") }
    lab.draft.roles[0].times = "duration = 5"
    try lab.writeSettings()
    let bad = try doctor(lab)
    #expect(bad.status == 2 && bad.output.contains("failed   settings: \(lab.configPath):"), "\(bad)")
    #expect(bad.output.contains("skipped  STS: isn't asked without settings"), "\(bad)")
  }

  @Test func `a dead endpoint, a name without an address and a clock that is off`() throws {
    let lab = try lab()
    try lab.emulator.ask("POST", "/clock?ahead_seconds=-1200")
    #expect(try doctor(lab).output.contains("failed   clock: this host is "))
    lab.draft.endpoint = "nowhere.invalid"
    try lab.writeSettings()
    let run = try doctor(lab, environment: ["HTTPS_PROXY": "http://marked:1"])
    #expect(run.status == 2 && run.output.contains("failed   name nowhere.invalid: "), "\(run)")
    #expect(run.output.contains("failed   endpoint nowhere.invalid: NameResolution: "), "\(run)")
    #expect(run.output.contains("this environment has HTTPS_PROXY, and the settings have no proxy"), "\(run)")
    #expect(run.output.contains("skipped  source main: no endpoint answers"), "\(run)")
  }

  @Test func `a user sees which roles are open, and what hides rolekeeper from programs`() throws {
    let lab = try lab()
    try lab.start()
    let home = try home(lab)
    try lab.directory.write(
      #"{"current":"default","profiles":[{"name":"default","mode":"External"}]}"#, to: "home/.aliyun/config.json",
      mode: 0o644)
    chown("\(home)/.aliyun", Person.reader, Person.reader)
    chown("\(home)/.aliyun/config.json", Person.reader, Person.reader)
    let run = try doctor(
      lab, wrapper: Person.words(Person.reader),
      environment: [
        "HOME": home, "ALIBABA_CLOUD_ACCESS_KEY_ID": "marked", "HTTP_PROXY": "http://marked:1",
        "ROLEKEEPER_SOCKET": lab.draft.socketPath,
      ])
    #expect(run.status == 1, "\(run)")
    for words in [
      "skipped  settings: you may not read '\(lab.configPath)'", "skipped  STS: ",
      "ok       socket '\(lab.draft.socketPath)': the daemon answers user ", "may read uploader\n",
      "warning  variables: ALIBABA_CLOUD_ACCESS_KEY_ID: ", "whatever NO_PROXY says",
      "has the profile 'default' of mode External and can be written",
    ] { #expect(run.output.contains(words), "\(words) in:\n\(run.output)") }
    #expect(!run.output.contains("role reports"))
  }

  @Test func `a user outside the socket's group is named, with the command that changes that`() throws {
    let lab = try lab()
    try lab.start()
    let home = try home(lab)
    let run = try doctor(
      lab, wrapper: Person.words(Person.reader, groups: []),
      environment: ["HOME": home, "ROLEKEEPER_SOCKET": lab.draft.socketPath])
    #expect(
      run.status == 2 && run.output.contains("failed   socket '\(lab.draft.socketPath)': permission denied"), "\(run)")
    #expect(run.output.contains("isn't in group '\(Person.clients)' of the socket"), "\(run)")
  }

  @Test func `root looks as another user, at whose login files too`() throws {
    let lab = try lab()
    lab.draft.socket = "mode = \"0666\""
    try lab.writeSettings()
    try lab.start()
    let run = try doctor(lab, "--as", "nobody")
    #expect(run.status <= 1 && run.output.contains("the daemon answers user 'nobody'"), "\(run)")
    #expect(run.output.contains("warning  user nobody: may read no role"), "\(run)")
    #expect(run.output.contains("ok       source main: "), "root's part isn't lost: \(run)")
    let unknown = try doctor(lab, "--as", "no-such-user")
    #expect(unknown.status == 3 && unknown.errors.contains("there is no such user"), "\(unknown)")
    let denied = try doctor(lab, "--as", "root", wrapper: Person.words(Person.stranger))
    #expect(denied.status == 3 && denied.errors.contains("only root can look as another user"), "\(denied)")
  }

  @Test func `the loopback URI is tried, and a port that another process has is named`() throws {
    let lab = try lab()
    let port = lab.emulator.port
    lab.draft.loopback = ["127.0.0.1:1"]
    try lab.writeSettings()
    let none = try doctor(lab)
    #expect(none.output.contains("failed   loopback URI http://127.0.0.1:1: nothing can be had there: "), "\(none)")
    #expect(none.output.contains("it takes a drop-in of the unit: "), "\(none)")
    lab.draft.loopback = ["127.0.0.1:\(port)"]
    try lab.writeSettings()
    try lab.start()
    let taken = try doctor(lab)
    #expect(taken.output.contains("ok       loopback URI http://127.0.0.1:\(port): something listens"), "\(taken)")
    #expect(taken.output.contains("warning  daemon: ") && taken.output.contains("\(port)"), "\(taken)")
  }

  @Test func `a user's role is asked for at the loopback URI, and the answer is judged`() throws {
    let address = TCPSocket.freeAddress()
    let lab = try lab()
    lab.draft.loopback = [address.description]
    lab.draft.roles[0].more = "allow = { users = [\(Person.reader), \"nobody\"] }"
    try lab.writeSettings()
    try lab.start()
    let place = "loopback URI http://\(address): "
    let good = try doctor(lab, "--as", "nobody")
    #expect(good.output.contains("ok       \(place)gives user 'nobody' the credential of role uploader\n"), "\(good)")
    // Who may not read the settings learns of the URI from the daemon.
    let own = try doctor(
      lab, wrapper: Person.words(Person.reader),
      environment: ["HOME": try home(lab), "ROLEKEEPER_SOCKET": lab.draft.socketPath])
    #expect(
      own.output.contains("ok       \(place)gives user '\(Person.reader)' the credential of role uploader\n"), "\(own)")
    let root = try doctor(lab)
    #expect(root.output.contains("ok       \(place)something listens there\n"), "\(root)")
    let stranger = try doctor(lab, "--as", "root")
    #expect(
      stranger.output.contains("ok       \(place)something listens there; the allow of no role names"), "\(stranger)")
    // Settings that aren't in force yet.
    lab.draft.roles[0].more = "allow = { users = [\(Person.reader)] }"
    lab.draft.roles[1].more = "allow = { users = [\"nobody\"] }"
    try lab.writeSettings()
    let refused = try doctor(lab, "--as", "nobody")
    #expect(refused.output.contains("failed   \(place)refuses user 'nobody' role reports (HTTP 403): "), "\(refused)")
    #expect(refused.output.contains("in 'roles.reports.allow' and reload"), "\(refused)")
    let other = "127.0.0.1:\(lab.emulator.port)"
    lab.draft.loopback = [other]
    try lab.writeSettings()
    let taken = try doctor(lab, "--as", "nobody")
    #expect(
      taken.output.contains("failed   loopback URI http://\(other): what answers there isn't rolekeeperd"), "\(taken)")
    #expect(taken.output.contains("see what listens there: sudo ss -ltnp"), "\(taken)")
  }

  /// "may read no role … name the user in allow", and "the allow of no role names user".
  @Test func `a user of a scope, or with sessions of its own, may read that`() throws {
    let address = TCPSocket.freeAddress()
    let lab = try lab()
    lab.draft.socket = "mode = \"0666\""
    lab.draft.loopback = [address.description]
    try lab.directory.write(
      #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:ListObjects","Resource":"*"}]}"#, to: "list.json")
    lab.draft.roles[0].more += """

      [roles.uploader.scopes.list]
      policy_file = "list.json"
      allow = { users = [\(Person.reader), "nobody"] }
      """
    try lab.writeSettings()
    try lab.start()
    let place = "ok       loopback URI http://\(address): something listens there; user 'nobody' may read "
    let scoped = try doctor(lab, "--as", "nobody")
    #expect(scoped.output.contains("user nobody: may read uploader (scope list), and not the other role"), "\(scoped)")
    #expect(scoped.output.contains("\(place)uploader (scope list), which isn't tried"), "\(scoped)")
    lab.draft.roles[1].more = "session_per = \"user\"\nallow = { groups = [\(Person.media), \"nogroup\"] }"
    try lab.writeSettings()
    #expect(try lab.rolekeeper("reload", "--allow-removal").status == 0)
    let own = try doctor(lab, "--as", "nobody")
    #expect(own.output.contains("user nobody: may read reports, uploader (scope list)"), "\(own)")
    #expect(own.output.contains("\(place)reports, which isn't tried"), "\(own)")
  }

  @Test func `a daemon that doesn't answer is found`() throws {
    let lab = try lab()
    try lab.start()
    lab.daemon.child.signal(SIGKILL)
    _ = lab.daemon.child.wait()
    let run = try doctor(lab)
    #expect(run.status == 2 && run.output.contains(": nothing listens there"), "\(run)")
  }
}
