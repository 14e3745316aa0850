import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// Real other users, judged by what the kernel says of them.
@Suite(.serialized, .needs(.root)) struct PeerTests {
  private func lab() throws -> Lab {
    let lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader", "reports", "private"])) { draft in
      draft.socket = "mode = \"0660\"\ngroup = \(Person.clients)"
      draft.access = "admin_users = [\(Person.admin)]"
      draft.roles = [
        SettingsDraft.Role("uploader", more: "allow = { users = [\(Person.reader)] }"),
        SettingsDraft.Role("reports", more: "allow = { groups = [\(Person.media)] }"),
        SettingsDraft.Role("private"),
      ]
    }
    try lab.start()
    return lab
  }

  struct Case: CustomStringConvertible {
    let description: String
    let uid: UInt32
    var groups = [Person.clients]
    /// The roles it gets; the others are refused.
    let gets: Set<String>
  }

  static let cases = [
    Case(description: "a user that a role allows", uid: Person.reader, gets: ["uploader"]),
    Case(
      description: "a user of a group that a role allows", uid: Person.stranger,
      groups: [Person.clients, Person.media], gets: ["reports"]),
    Case(description: "a user that nobody named", uid: Person.stranger, gets: []),
    Case(description: "an administrator", uid: Person.admin, gets: ["uploader", "reports", "private"]),
    Case(description: "root", uid: 0, gets: ["uploader", "reports", "private"]),
  ]

  @Test func `each user gets the roles that allow it, and is refused the others`() throws {
    let lab = try lab()
    for person in Self.cases {
      for role in ["uploader", "reports", "private"] {
        let got = try lab.ask("/v1/roles/\(role)/credentials", as: person.uid, groups: person.groups)
        if person.gets.contains(role) {
          #expect(got.status == 200, "\(person): \(role)")
          #expect(try Credential(document: got.body).keyID.hasPrefix("STS."), "\(person): \(role)")
        } else {
          #expect(got.status == 403, "\(person): \(role)")
          #expect(try Problem(parsing: Array(got.body.utf8).span).kind == .forbidden, "\(person): \(role)")
          #expect(!got.body.contains("STS."), "\(person): \(role)")
          #expect(got.body.contains("next one"), "a group joined since the login doesn't count yet: \(got.body)")
          #expect(try lab.ask("/v1/roles/\(role)", as: person.uid, groups: person.groups).status == 403)
        }
      }
      let list = try lab.ask("/v1/roles", as: person.uid, groups: person.groups)
      let names = try RoleList(parsing: Array(list.body.utf8).span).roles.map(\.name)
      #expect(Set(names) == person.gets, "\(person)")
      #expect(try lab.ask("/healthz", as: person.uid, groups: person.groups).status == 200, "\(person)")
    }
  }

  @Test func `what is for administrators is refused to others and done for them`() throws {
    let lab = try lab()
    let routes = [
      ("GET", "/v1/status", 200), ("GET", "/metrics", 200), ("POST", "/v1/reload", 200),
      ("POST", "/v1/roles/uploader/refresh", 202),
    ]
    for (method, target, _) in routes {
      #expect(try lab.ask(target, method: method, as: Person.reader).status == 403, "\(target)")
    }
    #expect(try lab.emulator.draws() == 3, "nothing was refreshed")
    for (method, target, status) in routes {
      #expect(try lab.ask(target, method: method, as: Person.admin).status == status, "\(target)")
    }
  }

  @Test func `a refusal is logged once with uid, pid and role, and counted after that`() throws {
    let lab = try lab()
    for _ in 0..<5 { #expect(try lab.ask("/v1/roles/private/credentials", as: Person.stranger).status == 403) }
    // The host's name services are asked for the user's name first, beside the loop.
    try lab.daemon.awaitLog("warning: request refused", "uid=\(Person.stranger)", "role=private")
    let lines = lab.daemon.logLines("warning: request refused", "uid=\(Person.stranger)", "role=private")
    #expect(lines.count == 1)
    #expect(lines.first?.contains(/pid=[1-9][0-9]+/) == true)
    #expect(try lab.daemon.get("/metrics").body.contains(#"rolekeeper_refusals_total{reason="not_allowed"} 5"#))
  }

  @Test func `each user's first read of a generation is logged once`() throws {
    let lab = try lab()
    for _ in 0..<3 { #expect(try lab.ask("/v1/roles/uploader/credentials", as: Person.reader).status == 200) }
    try lab.daemon.awaitLog("notice: credential handed out", "role=uploader", "uid=\(Person.reader)")
    let lines = lab.daemon.logLines("notice: credential handed out", "role=uploader", "uid=\(Person.reader)")
    #expect(lines.count == 1)
    #expect(lines.first?.contains("generation=1") == true && lines.first?.contains("access_key_id=STS.") == true)
    #expect(
      try lab.daemon.get("/metrics").body.contains(
        #"rolekeeper_handouts_total{role="uploader",uid="\#(Person.reader)"} 3"#))
  }

  @Test func `who isn't in the socket's group can't even connect, and the command line says why`() throws {
    let lab = try lab()
    let run = try lab.rolekeeper("get", "uploader", wrapper: Person.words(Person.reader, groups: []))
    #expect(run.status == 3 && run.output.isEmpty)
    #expect(run.errors.contains("permission denied"), "\(run.errors)")
    // Not the package's own group, which alone is for nothing else.
    #expect(run.errors.contains("its group is '\(Person.clients)': ask an administrator"), "\(run.errors)")
    #expect(FileStatus(lab.draft.socketPath)?.mode == 0o660)
    #expect(FileStatus(lab.draft.socketPath)?.gid == Person.clients)
  }

  @Test func `a user's status shows its roles alone, and its events too`() throws {
    let lab = try lab()
    let words = Person.words(Person.reader)
    let table = try lab.rolekeeper("status", wrapper: words)
    #expect(table.status == 0 && table.output.contains("uploader") && !table.output.contains("private"))
    #expect(!table.output.contains(RealmDraft.key.id), "the sources are for administrators")
    let stream = try ChildProcess(
      words + [
        "/usr/bin/curl", "--silent", "--no-buffer", "--unix-socket", lab.draft.socketPath, "http://localhost/v1/events",
      ], in: lab.directory, named: "stream")
    try eventually("the stream is open") {
      try lab.daemon.get("/metrics").body.contains("rolekeeper_connections 2")
    }
    let own = try lab.daemon.events()
    for role in ["private", "reports", "uploader"] {
      #expect(try lab.daemon.post("/v1/roles/\(role)/refresh").status == 202)
      try lab.await(own) { $0.role == role && $0.kind == .rotated }
    }
    try eventually("the line comes") { stream.output.contains(#""rotated","role":"uploader""#) }
    let lines = stream.output.split(separator: "\n").filter { !$0.contains("heartbeat") }
    #expect(lines.count == 2 && lines.allSatisfy { $0.contains(#""role":"uploader""#) }, "\(lines)")
    #expect(lines.first?.contains(#""event":"snapshot""#) == true)
  }

  @Test func `one user's connections are bounded, and others still get in`() throws {
    let lab = try lab()
    // Python, since each connection must be held by another user than ours.
    let script = """
      import socket, sys
      held = []
      for _ in range(70):
        s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); held.append(s)
      answers = [s.recv(4096) for s in held[64:]]
      print(sum(b" 429 " in a for a in answers))
      """
    let run = try ChildProcess.run(
      Person.words(Person.reader) + ["/usr/bin/python3", "-c", script, lab.draft.socketPath])
    #expect(run.output == "6\n", "\(run)")
    #expect(try lab.ask("/v1/roles/uploader/credentials", as: Person.reader).status == 200)
  }
}
