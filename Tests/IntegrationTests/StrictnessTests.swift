import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

/// What the socket's paths take, and what they say to anything else.
@Suite(.serialized) struct StrictnessTests {
  let lab: Lab

  init() throws {
    lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader"])) { $0.roles = [SettingsDraft.Role("uploader")] }
    try lab.start()
  }

  private static let role = "/v1/roles/uploader"

  private func ask(_ method: String, _ target: String) throws -> HTTPReply {
    let connection = try StreamConnection(unix: lab.draft.socketPath)
    try connection.request(method, target)
    return try connection.readReply()
  }

  struct Misspelt: CustomTestStringConvertible {
    let target: String
    let says: String
    var testDescription: String { target }
  }

  /// A misspelt `min_ttl` was ignored: the reader got a credential shorter than it had asked for, without a word.
  @Test func `a parameter that a path doesn't take is refused with what it takes`() throws {
    let rows = [
      Misspelt(target: "\(Self.role)/credentials?min-ttl=1800", says: "'min-ttl'; did you mean 'min_ttl'?"),
      Misspelt(target: "\(Self.role)/credentials?minttl=1800", says: "'minttl'; did you mean 'min_ttl'?"),
      Misspelt(target: "\(Self.role)/credentials?min_ttl=0&wiat=1", says: "'wiat'; did you mean 'wait'?"),
      Misspelt(target: "\(Self.role)/credentials?format=env", says: "'format'; this path takes 'min_ttl' and 'wait'"),
      Misspelt(target: "\(Self.role)/credentials?%22%5C", says: #"'"\'"#),
      Misspelt(target: "\(Self.role)/credentials?min_ttl=1h", says: "'min_ttl' is '1h'; write whole seconds"),
      Misspelt(target: "\(Self.role)/credentials?min_ttl=", says: "'min_ttl' is ''"),
      Misspelt(target: "\(Self.role)/credentials?wait=61", says: "'wait' is '61'; write whole seconds, 0 to 60"),
      Misspelt(target: "\(Self.role)/credentials?wait=1&wait=2", says: "'wait' is there twice; give each once"),
      Misspelt(target: "\(Self.role)/credentials?a%22=1&a%22=2", says: #"'a"' is there twice"#),
      Misspelt(target: "\(Self.role)/credentials?&", says: "each query parameter has a name"),
    ]
    for row in rows {
      let reply = try ask("GET", row.target)
      #expect(reply.status == 400, "\(row.target)")
      #expect(try reply.problem.detail.contains(row.says), "\(row.target): \(reply.body)")
    }
    let others = [
      ("GET", "/v1/roles"), ("GET", Self.role), ("GET", "\(Self.role)/healthz"), ("GET", "/v1/events"),
      ("GET", "/v1/bundle"), ("GET", "/v1/status"), ("GET", "/healthz"),
      ("GET", "/metrics"), ("POST", "/v1/reload"), ("POST", "\(Self.role)/refresh"),
    ]
    for (method, target) in others {
      let reply = try ask(method, "\(target)?x=1")
      #expect(reply.status == 400, "\(target)")
      #expect(try reply.problem.detail.contains("unknown query parameter 'x'"), "\(target): \(reply.body)")
    }
    #expect(try lab.emulator.draws() == 1, "nothing was refreshed")
  }

  /// `?wait=100` was answered with the range alone: a log didn't show what had been sent.
  @Test func `a value that isn't taken is repeated, shortened, with what is taken instead`() throws {
    let seconds = "write whole seconds, 0 to 60: ?wait=30"
    let long = String(repeating: "9", count: 100)
    let rows = [
      (
        "GET", "\(Self.role)/credentials?min_ttl=\(long)",
        "'min_ttl' is '\(long.prefix(64))…'; write whole seconds, 0 to"
      ),
      ("GET", "\(Self.role)/credentials?wait=-1", "'wait' is '-1'; \(seconds)"),
      ("POST", "\(Self.role)/refresh?wait=100", "'wait' is '100'; \(seconds)"),
      ("POST", "\(Self.role)/refresh?wait=", "'wait' is ''; \(seconds)"),
      ("POST", "\(Self.role)/refresh?wait=1%22", "'wait' is '1\"'; \(seconds)"),
      ("POST", "\(Self.role)/report?access_key_id=", "'access_key_id' is ''; name the session"),
      ("POST", "/v1/reload?allow_removal=yes", "'allow_removal' is 'yes'; write 0 or 1"),
      ("POST", "/v1/reload?allow_removal", "'allow_removal' is ''; write 0 or 1"),
    ]
    for (method, target, says) in rows {
      let reply = try ask(method, target)
      #expect(reply.status == 400, "\(target)")
      #expect(try reply.problem.detail.contains(says), "\(target): \(reply.body)")
    }
    #expect(try lab.emulator.draws() == 1, "nothing was refreshed")
  }

  /// The list lacked one that was added later.
  @Test func `an unknown path is answered with all that there are`() throws {
    let detail = try ask("GET", "/v2").problem.detail
    let paths = detail.dropFirst("paths are ".count).replacing(" and ", with: ", ").split(separator: ", ")
    #expect(paths.count == 13 && paths.contains("/v1/roles/NAME/report"), "\(detail)")
    for path in paths {
      // What is for POST is answered with that, and these settings have no loopback URI.
      let reply = try ask("GET", String(path).replacing("NAME", with: "uploader"))
      let isOff = path.hasSuffix("/uri") && (try? reply.problem.kind) == .loopbackOff
      let isForHosts = path == "/v1/bundle" && reply.status == 403
      #expect(reply.status == 200 || reply.status == 405 || isOff || isForHosts, "\(path): \(reply)")
    }
  }

  @Test func `what HTTP allows is served`() throws {
    for target in ["/healthz?", "http://localhost/healthz", "HTTP://[::1]:80/healthz?", "\(Self.role)/credentials?"] {
      #expect(try ask("GET", target).status == 200, "\(target)")
    }
    let connection = try StreamConnection(unix: lab.draft.socketPath)
    for _ in 0..<2 {
      try connection.send("\r\n")
      try connection.request("GET", "/healthz")
      #expect(try connection.readReply().status == 200)
    }
  }

  @Test func `a wrong method is answered with those that work, and they do`() throws {
    let rows = [
      ("PUT", "/healthz", "GET, HEAD"), ("DELETE", Self.role, "GET, HEAD"), ("POST", "/v1/roles", "GET, HEAD"),
      ("PATCH", "\(Self.role)/credentials", "GET, HEAD"), ("POST", "\(Self.role)/healthz", "GET, HEAD"),
      ("OPTIONS", "/metrics", "GET, HEAD"),
      ("TRACE", "/v1/status", "GET, HEAD"), ("GET", "/v1/reload", "POST"), ("HEAD", "/v1/reload", "POST"),
      ("PUT", "\(Self.role)/refresh", "POST"),
    ]
    for (method, target, allowed) in rows {
      let connection = try StreamConnection(unix: lab.draft.socketPath)
      try connection.request(method, target)
      let head = try Head(of: connection)
      #expect(head.status == 405 && head.fields["allow"] == allowed, "\(method) \(target): \(head)")
      for word in allowed.split(separator: ", ") {
        let connection = try StreamConnection(unix: lab.draft.socketPath)
        try connection.request(String(word), target)
        #expect((200..<300).contains(try Head(of: connection).status), "\(word) \(target)")
      }
    }
    #expect(try ask("PUT", "/nowhere").status == 404)
    let whole = try ask("OPTIONS", "*")
    #expect(whole.status == 405 && whole.fields["allow"] == "GET, HEAD, POST")
  }

  /// An answer's head alone: what HEAD gets.
  struct Head {
    var status = 0
    var fields: [String: String] = [:]

    init(of connection: StreamConnection) throws {
      while let line = try connection.readLine(), !line.isEmpty {
        if line.hasPrefix("HTTP/1.1 ") { status = Int(line.split(separator: " ")[1]) ?? 0 }
        let parts = line.split(separator: ":", maxSplits: 1)
        if parts.count == 2 { fields[parts[0].lowercased()] = String(parts[1].drop { $0 == " " }) }
      }
    }
  }

  /// It was logged and counted as if the program had got a credential.
  @Test func `a HEAD hands out nothing, at once or after a wait`() throws {
    for target in ["\(Self.role)/credentials", "\(Self.role)/credentials?min_ttl=1000"] {
      let connection = try StreamConnection(unix: lab.draft.socketPath)
      try connection.request("HEAD", target)
      let head = try Head(of: connection)
      #expect(head.status == 200 && head.fields["content-length"].flatMap { Int($0) } ?? 0 > 100, "\(head)")
    }
    #expect(lab.daemon.logLines("credential handed out").isEmpty)
    #expect(try !lab.daemon.get("/metrics").body.contains("rolekeeper_handouts_total{"))
    _ = try lab.credential("uploader")
    #expect(lab.daemon.logLines("credential handed out").count == 1)
    let label = #"{role="uploader",uid="\#(geteuid())"}"#
    #expect(try lab.daemon.get("/metrics").body.contains("rolekeeper_handouts_total\(label) 1\n"))
  }

  @Test func `a role's health is its own, and nobody's who may not read it`() throws {
    try lab.emulator.fault("kind=error&status=403&code=NoPermission", role: "reports")
    if geteuid() == 0 { lab.draft.socket = "mode = \"0660\"\ngroup = \(Person.clients)" }
    lab.draft.roles = [
      SettingsDraft.Role("uploader", more: "allow = { users = [\(Person.reader)] }"), SettingsDraft.Role("reports"),
    ]
    try lab.writeSettings()
    #expect(try lab.daemon.post("/v1/reload").status == 200)
    try eventually("reports has failed") { try lab.status("reports").lastError != nil }
    #expect(try ask("GET", "/healthz").status == 503)
    let good = try ask("GET", "\(Self.role)/healthz")
    #expect(good.status == 200 && good.body == #"{"status":"ok","roles":1}"# + "\n", "\(good)")
    let bad = try ask("GET", "/v1/roles/reports/healthz")
    #expect(bad.status == 503)
    let problem = try bad.problem
    #expect(problem.kind == .noSession && problem.code == "NoPermission", "\(bad)")
    #expect(problem.detail.contains("role 'reports' has no valid session"), "\(bad)")
    guard geteuid() == 0 else { return }
    #expect(try lab.ask("\(Self.role)/healthz", as: Person.reader).status == 200)
    #expect(try lab.ask("/v1/roles/reports/healthz", as: Person.reader).status == 403)
  }

  @Test func `with nothing to hand out the header and the document say the same time`() throws {
    try lab.emulator.fault("kind=error&status=403&code=NoPermission")
    lab.draft.roles = [SettingsDraft.Role("uploader"), SettingsDraft.Role("reports")]
    try lab.writeSettings()
    #expect(try lab.daemon.post("/v1/reload").status == 200)
    for _ in 0..<5 {
      let reply = try ask("GET", "/v1/roles/reports/credentials")
      #expect(reply.status == 503)
      let seconds = try #require(try reply.problem.retryAfterSeconds)
      #expect(reply.fields["retry-after"] == "\(seconds)")
    }
  }

  @Test func `who reads a credential is named with its program`() throws {
    _ = try lab.credential("uploader")
    let line = try #require(lab.daemon.logLines("credential handed out", "pid=\(getpid())").first)
    var name = [UInt8](repeating: 0, count: 4096)
    let count = name.withUnsafeMutableBytes {
      readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
    }
    #expect(line.contains("program=\(String(decoding: name.prefix(count), as: UTF8.self))"), "\(line)")
    if geteuid() == 0 { #expect(line.contains("user=root"), "\(line)") }
  }
}
