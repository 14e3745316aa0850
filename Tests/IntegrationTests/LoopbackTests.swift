import Core
import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing
import Wire

/// The loopback URI of a real daemon, asked by real users.
@Suite(.serialized, .needs(.root)) struct LoopbackTests {
  private let address: LoopbackAddress
  private let lab: Lab

  init() throws {
    let address = TCPSocket.freeAddress()
    self.address = address
    lab = try Lab(RealmDraft(lifetime: nil, roles: ["uploader", "reports", "private"])) { draft in
      draft.socket = "mode = \"0660\"\ngroup = \(Person.clients)"
      draft.access = "admin_users = [\(Person.admin)]"
      draft.loopback = [address.description]
      draft.roles = [
        SettingsDraft.Role("uploader", more: "allow = { users = [\(Person.reader)] }"),
        SettingsDraft.Role("reports", more: "allow = { users = [0], groups = [\(Person.media)] }"),
        SettingsDraft.Role("private"),
      ]
    }
    try lab.start()
  }

  /// What curl(1) gets as this user: the status and the body.
  private func ask(
    _ path: String, as uid: UInt32 = Person.reader, groups: [UInt32] = [], _ options: [String] = []
  ) throws -> (status: Int, body: String) {
    let run = try ChildProcess.run(
      Person.words(uid, groups: groups) + [
        "/usr/bin/curl", "--silent", "--noproxy", "*", "--write-out", "%{http_code}",
      ]
        + options + ["http://\(address)\(path)"])
    return (Int(run.output.suffix(3)) ?? 0, String(run.output.dropLast(3)))
  }

  private func request(_ path: String, _ headers: String = "") -> String {
    "GET \(path) HTTP/1.1\r\nHost: \(address)\r\n\(headers)Connection: close\r\n\r\n"
  }

  struct Case: CustomTestStringConvertible {
    let name: String
    let uid: UInt32
    var groups: [UInt32] = []
    let gets: Set<String>
    var testDescription: String { name }
  }

  @Test(arguments: [
    Case(name: "a user that a role allows", uid: Person.reader, gets: ["uploader"]),
    Case(name: "a user that nobody named", uid: Person.stranger, gets: []),
    // The process's own groups aren't known over TCP; the user database has no such member.
    Case(name: "a process in a group that a role allows", uid: Person.stranger, groups: [Person.media], gets: []),
    Case(name: "an administrator", uid: Person.admin, gets: []),
    Case(name: "root, which one role names", uid: 0, gets: ["reports"]),
  ])
  func `each user gets the roles whose allow names it, and nothing else`(_ person: Case) throws {
    for role in ["uploader", "reports", "private"] {
      for path in ["/\(role)", "/\(role)/aws"] {
        let got = try ask(path, as: person.uid, groups: person.groups)
        #expect(got.status == (person.gets.contains(role) ? 200 : 403), "\(path): \(got.body)")
        #expect(got.body.contains("STS.") == person.gets.contains(role))
      }
    }
    let credential = try lab.credential("uploader")
    if person.gets.contains("uploader") {
      let got = try ask("/uploader", as: person.uid)
      let read = try Credential(document: got.body)
      #expect((read.keyID, read.secret, read.token) == (credential.keyID, credential.secret, credential.token))
      #expect(got.body.contains(#""Code":"Success""#))
    }
  }

  @Test func `the journal has hand-outs and refusals with the user and the way`() throws {
    _ = try ask("/uploader")
    _ = try ask("/uploader", as: Person.stranger)
    try eventually("both lines") {
      lab.daemon.log.contains("credential handed out") && lab.daemon.log.contains("request refused")
    }
    let lines = lab.daemon.log.split(separator: "\n").filter { $0.contains("via=loopback") }
    #expect(lines.contains { $0.contains("handed out") && $0.contains("uid=\(Person.reader)") && !$0.contains("pid=") })
    #expect(lines.contains { $0.contains("refused") && $0.contains("uid=\(Person.stranger)") })
  }

  /// It would be taken for root's, as the kernel reports uid 0 for it. The daemon stands still until they have left.
  @Test func `a client that has closed, reset or only stopped sending gets nothing, also of a role that root may read`()
    throws
  {
    lab.daemon.child.signal(SIGSTOP)
    let clients = try (0..<30).map { _ in try #require(TCPSocket(address)) }
    for (number, client) in clients.enumerated() { client.send(request(number % 2 == 0 ? "/reports" : "/reports/aws")) }
    for client in clients[0..<10] { client.close() }
    for client in clients[10..<20] { client.reset() }
    for client in clients[20...] { client.stopSending() }
    lab.daemon.child.signal(SIGCONT)
    for client in clients[20...] {
      let answer = client.receive()
      #expect(answer.hasPrefix("HTTP/1.1 403 ") && !answer.contains("STS."))
    }
    #expect(lab.daemon.log.contains("the client has closed the connection"))
    #expect(!lab.daemon.log.contains("credential handed out"))
    let living = try #require(TCPSocket(address))
    living.send(request("/reports"))
    #expect(living.receive().hasPrefix("HTTP/1.1 200 "))
  }

  struct BrowserRequest: CustomTestStringConvertible {
    let name: String
    /// Its lines, for another path at 127.0.0.1:7181.
    let head: String
    var testDescription: String { name }

    /// No request with a body is read, whoever sends it.
    var status: Int { head.contains("\nContent-Length: ") ? 400 : 403 }

    /// What a browser would send to this address for this path.
    func text(_ path: String, at address: LoopbackAddress) -> String {
      var lines = head.replacing("127.0.0.1:7181", with: "\(address)").replacing(":7181", with: ":\(address.port)")
        .split(separator: "\n").map(String.init)
      let first = lines[0].split(separator: " ")
      lines[0] = "\(first[0]) \(path) \(first[2])"
      let length = lines.first { $0.hasPrefix("Content-Length: ") }.flatMap { Int($0.dropFirst(16)) } ?? 0
      return lines.joined(separator: "\r\n") + "\r\n\r\n" + String(repeating: "x", count: length)
    }
  }

  private static let browserRequests: [BrowserRequest] = {
    let path = "/" + #filePath.split(separator: "/").dropLast(2).joined(separator: "/") + "/Tools/browser-requests.txt"
    return (FileText.read(path) ?? "").split(separator: "\n# ").dropFirst().map { part in
      let lines = part.split(separator: "\n", maxSplits: 1)
      return BrowserRequest(name: String(lines[0]), head: String(lines[1]))
    }
  }()

  @Test func `the recorded requests are those of both browsers`() {
    #expect(Self.browserRequests.count { $0.name.hasPrefix("Chromium") } == 15)
    #expect(Self.browserRequests.count { $0.name.hasPrefix("Firefox") } == 13)
    // A page of a name that leads here is of the same origin for the browser, and the name isn't trustworthy: only the Host is left.
    let rebound = Self.browserRequests.filter { $0.name.hasSuffix("that page's fetch()") }
    #expect(rebound.count == 2 && rebound.allSatisfy { !$0.head.contains("\nOrigin") && !$0.head.contains("\nSec-") })
  }

  /// The user may read the role, and its own browser asks for a page.
  @Test(arguments: browserRequests)
  func `a browser's request gets nothing, whoever runs the browser`(_ request: BrowserRequest) throws {
    for path in ["/reports", "/reports/aws"] {
      let client = try #require(TCPSocket(address))
      client.send(request.text(path, at: address))
      var answer = ""
      // The connection stays open, as the browser asks.
      try eventually("the answer") {
        answer += client.receiveNow()
        return answer.hasSuffix("}\n") || answer.hasSuffix("}")
      }
      #expect(answer.hasPrefix("HTTP/1.1 \(request.status) ") && !answer.contains("STS."), "\(answer)")
      #expect(!answer.lowercased().contains("access-control"))
    }
  }

  @Test(arguments: [
    ("127.0.0.1", 200), ("[::1]", 200), ("localhost", 403), ("evil.example", 403), ("127.0.0.1:1", 403),
  ])
  func `the Host has to be a loopback literal, with our port if any`(host: String, status: Int) throws {
    let client = try #require(TCPSocket(address))
    client.send("GET /reports HTTP/1.1\r\nHost: \(host)\r\nConnection: close\r\n\r\n")
    #expect(client.receive().hasPrefix("HTTP/1.1 \(status) "))
  }

  @Test func `one user's connections keep neither others nor the socket from answers`() throws {
    let words = Person.words(Person.stranger) + ["/usr/bin/python3", "-c", Self.flood, "\(address.port)"]
    let flood = try ChildProcess(words, in: lab.directory, named: "flood")
    defer { flood.stop() }
    try eventually("it holds all that it can") { flood.output.contains("full") }
    #expect(try ask("/uploader").status == 200)
    #expect(try lab.daemon.get("/v1/roles/uploader/credentials").status == 200)
  }

  /// Opens connections without a request, again as soon as they are closed.
  private static let flood = """
    import socket, sys
    held = []
    said = False
    while True:
        for s in list(held):
            try:
                if s.recv(1, socket.MSG_DONTWAIT) == b'': raise OSError
                if not said: print('full', flush=True); said = True
                held.remove(s); s.close()
            except BlockingIOError: pass
            except OSError: held.remove(s); s.close()
        while len(held) < 400:
            held.append(socket.create_connection(('127.0.0.1', int(sys.argv[1]))))
    """

  /// Prints the status that each gets, 000 where nobody listens. The control shows that the way over the bridge works.
  private static let container = """
    set -e
    name=rk$$
    python3 -m http.server --bind 0.0.0.0 "$2" >/dev/null 2>&1 &
    server=$!
    trap 'kill $server; ip link del $name-h 2>/dev/null || :' EXIT
    status() { curl --silent --noproxy '*' --max-time 20 --output /dev/null --write-out "$1 %{http_code}\\n" "${@:2}" || :; }
    export -f status
    coproc INSIDE { exec unshare --net bash -c 'echo ready; read -r
      ip link set lo up; ip addr add 198.51.100.2/30 dev "$1"; ip link set "$1" up
      status control --retry 20 --retry-connrefused "http://198.51.100.1:$3/"
      status bridge "http://198.51.100.1:$2/reports"
      status own "http://127.0.0.1:$2/reports"
      status claimed -H "Host: 127.0.0.1" "http://198.51.100.1:$2/reports"' inside "$name-c" "$1" "$2"; }
    inside=$INSIDE_PID
    exec 3<&"${INSIDE[0]}" 4>&"${INSIDE[1]}"
    read -r <&3
    ip link add "$name-h" type veth peer name "$name-c" netns "$inside"
    ip addr add 198.51.100.1/30 dev "$name-h"
    ip link set "$name-h" up
    # Before the container ends, and the address with it.
    status host "http://198.51.100.1:$1/reports"
    echo go >&4
    cat <&3
    status loopback "http://127.0.0.1:$1/reports"
    """

  @Test(.needs(.systemd)) func `a container with a network of its own reaches nothing, neither by a bridge's address`()
    throws
  {
    let run = try ChildProcess.run([
      "/bin/bash", "-c", Self.container, "container", "\(address.port)", "\(TCPSocket.freeAddress().port)",
    ])
    let lines = Set(run.output.split(separator: "\n").map(String.init))
    #expect(
      lines == ["control 200", "bridge 000", "own 000", "claimed 000", "host 000", "loopback 200"], "\(run.errors)")
  }

  @Test func `users of a role with a session for each get different ones, and a scope's session is for its readers`()
    throws
  {
    let policy = #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"oss:ListObjects","Resource":"*"}]}"#
    try lab.directory.write(policy, to: "list.json")
    lab.draft.roles[2].more = """
      session_per = "user"
      allow = { users = [0, \(Person.reader)] }
      [roles.private.scopes.list]
      policy_file = "list.json"
      allow = { users = [\(Person.stranger)] }
      """
    try lab.writeSettings()
    let reload = try lab.rolekeeper("reload")
    #expect(reload.status == 0, "\(reload.errors)")
    func keyID(_ path: String, _ uid: UInt32) throws -> String {
      let got = try ask(path, as: uid)
      #expect(got.status == 200, "\(got.body)")
      return try Credential(document: got.body).keyID
    }
    let ids = [try keyID("/private", 0), try keyID("/private", Person.reader), try keyID("/private?scope=list", 0)]
    let stranger = try keyID("/private?scope=list", Person.stranger)
    #expect(Set(ids + [stranger]).count == 4)
    #expect(try ids == [keyID("/private", 0), keyID("/private", Person.reader), keyID("/private?scope=list", 0)])
    #expect(try ask("/private", as: Person.stranger).status == 403)
    #expect(try ask("/private?scope=list", as: Person.admin).status == 403)
  }

  // MARK: - Addresses

  @Test func `a reload changes the addresses, and one that can't be had leaves all as it was`() throws {
    let other = TCPSocket.freeAddress()
    lab.draft.loopback = [other.description, "[::1]:\(other.port)"]
    try lab.writeSettings()
    #expect(try lab.rolekeeper("reload").status == 0)
    try eventually("the former address is closed") { TCPSocket(address) == nil }
    let client = try #require(TCPSocket(LoopbackAddress("[::1]:\(other.port)")!))
    client.send("GET /reports HTTP/1.1\r\nHost: [::1]:\(other.port)\r\nConnection: close\r\n\r\n")
    #expect(client.receive().hasPrefix("HTTP/1.1 200 "))

    let taken = ListeningPort()
    lab.draft.loopback = ["127.0.0.1:\(taken.port)"]
    try lab.writeSettings()
    let refused = try lab.rolekeeper("reload")
    #expect(refused.status == 1 && refused.errors.contains("another process listens there"))
    #expect(TCPSocket(other) != nil)
    withExtendedLifetime(taken) {}
  }

  @Test func `an address that somebody else has is reported, and the rest goes on`() throws {
    let taken = ListeningPort()
    lab.draft.loopback = ["127.0.0.1:\(taken.port)", address.description]
    try lab.writeSettings()
    try lab.start(named: "again")
    #expect(try ask("/uploader").status == 200)
    #expect(lab.daemon.log.contains("the loopback URI isn't served at an address"))
    let report = try lab.report()
    #expect(report.health.reasons.contains { $0.kind == .loopback && $0.detail.contains("127.0.0.1:\(taken.port)") })
    withExtendedLifetime(taken) {}
  }
}
