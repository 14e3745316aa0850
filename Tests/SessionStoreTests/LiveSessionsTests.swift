import Core
import Secrets
import SessionStore
import Testing

@Suite struct LiveSessionsTests {
  private func secret(_ text: String) -> Secret { Secret(copying: Array(text.utf8).span) }

  private func add(_ name: String, to sessions: inout LiveSessions) -> SessionID {
    sessions.add(
      accessKeyID: "STS.\(name)", accessKeySecret: secret("secret-\(name)"), securityToken: secret("token-\(name)"),
      expiration: UTCTime(seconds: 2_000_000_000), issued: UTCTime(seconds: 1_999_996_400))
  }

  @Test func `a session is found by its id with its secrets and its times`() throws {
    var sessions = LiveSessions()
    let (first, second) = (add("a", to: &sessions), add("b", to: &sessions))
    let found = try #require(sessions[second])
    #expect(found.id == second && found.accessKeyID == "STS.b")
    #expect(found.accessKeySecret.hasSameBytes(as: secret("secret-b")))
    #expect(found.securityToken.hasSameBytes(as: secret("token-b")))
    #expect(found.expiration.seconds - found.issued.seconds == 3600)
    #expect(sessions.count == 2 && Set(sessions.ids) == [first, second])
  }

  @Test func `a removed session isn't found, and its id is never another's`() {
    var sessions = LiveSessions()
    var seen: Set<SessionID> = []
    for round in 0..<100 {
      let id = add("\(round)", to: &sessions)
      #expect(seen.insert(id).inserted)
      sessions.remove(id)
      sessions.remove(id)
      let next = add("\(round)'", to: &sessions)
      #expect(sessions[id] == nil && !sessions.contains(id))
      sessions.remove(id)
      #expect(sessions.contains(next) && sessions.count == 1)
      seen.insert(next)
      sessions.remove(next)
    }
    #expect(sessions.ids.isEmpty)
  }

  @Test func `a session's secrets survive the way into a document and out of it`() throws {
    var sessions = LiveSessions()
    let id = add("a", to: &sessions)
    do {
      let document = secret(#"{"k":"secret-a","t":"token-a"}"#)
      sessions.move(id, into: document, accessKeySecretAt: 6..<14, securityTokenAt: 21..<28)
    }
    #expect(try #require(sessions[id]).accessKeySecret.hasSameBytes(as: secret("secret-a")))
    #expect(try #require(sessions[id]).securityToken.hasSameBytes(as: secret("token-a")))
    sessions.pack(id)
    #expect(try #require(sessions[id]).accessKeySecret.hasSameBytes(as: secret("secret-a")))
    #expect(try #require(sessions[id]).securityToken.hasSameBytes(as: secret("token-a")))
  }

  @Test func `the document goes when its session is packed again`() {
    var sessions = LiveSessions()
    let id = add("a", to: &sessions)
    weak var document: Secret?
    do {
      let rendered = secret("secret-a token-a")
      document = rendered
      sessions.move(id, into: rendered, accessKeySecretAt: 0..<8, securityTokenAt: 9..<16)
    }
    #expect(document != nil)
    sessions.pack(id)
    #expect(document == nil)
  }

  @Test func `nothing of what a session was made from is kept, and nothing of a removed one`() {
    var sessions = LiveSessions()
    weak var given: Secret?
    weak var document: Secret?
    do {
      let (token, rendered) = (secret("token"), secret("key token"))
      (given, document) = (token, rendered)
      let id = sessions.add(
        accessKeyID: "STS.a", accessKeySecret: secret("key"), securityToken: token, expiration: UTCTime(seconds: 1),
        issued: UTCTime(seconds: 0))
      sessions.move(id, into: rendered, accessKeySecretAt: 0..<3, securityTokenAt: 4..<9)
      sessions.remove(id)
      sessions.move(id, into: rendered, accessKeySecretAt: 0..<3, securityTokenAt: 4..<9)
    }
    #expect(given == nil && document == nil && sessions.count == 0)
  }

  @Test func `nothing that prints values shows a session's secrets`() throws {
    var sessions = LiveSessions()
    let id = add("Marked7Mark", to: &sessions)
    var dumped = ""
    dump(sessions, to: &dumped)
    dump(try #require(sessions[id]), to: &dumped)
    for text in [dumped, "\(sessions)", String(reflecting: sessions)] {
      #expect(!text.contains("secret-Marked7Mark") && !text.contains("token-Marked7Mark"))
    }
  }
}
