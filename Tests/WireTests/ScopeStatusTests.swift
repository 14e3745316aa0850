import Core
import Testing
import Wire

/// What documents say of scopes and of users' sessions; scripts read it.
@Suite struct ScopeStatusTests {
  private func check<Document: WireDocument & Hashable>(_ document: Document, reads line: String) throws {
    let text = String(decoding: document.rendered(), as: UTF8.self)
    #expect(text == line + "\n")
    #expect(try Document(parsing: Array(text.utf8).span) == document)
  }

  private static let idle = ScopeStatus(role: "a", name: "encode")
  private static let idleLine =
    #"{"role":"a","name":"encode","state":null,"access_key_id":null,"expires_at":null,"expires_in":null,"generation":0,"last_error":null}"#

  @Test func `a scope with a session and one without`() throws {
    try check(Self.idle, reads: Self.idleLine)
    let used = ScopeStatus(
      role: "a", name: "encode", state: .valid, accessKeyID: "STS.N", expiresAt: UTCTime("2026-01-02T04:04:05Z"),
      expiresIn: .seconds(60), generation: 7, users: 3)
    try check(
      used,
      reads:
        #"{"role":"a","name":"encode","state":"valid","access_key_id":"STS.N","expires_at":"2026-01-02T04:04:05Z","expires_in":60,"generation":7,"last_error":null,"users":3}"#
    )
  }

  @Test func `a list has the scopes of roles that the peer may not read`() throws {
    try check(
      RoleList([], isAdmin: false, scopes: [Self.idle]),
      reads: #"{"roles":[],"admin":false,"scopes":[\#(Self.idleLine)]}"#)
  }

  @Test func `a role's status has its scopes and its users`() throws {
    var status = RoleStatus(name: "a", state: .waiting)
    let plain = String(decoding: status.rendered(), as: UTF8.self)
    #expect(!plain.contains("scopes") && !plain.contains("user_sessions"))
    status.scopes = [Self.idle]
    status.userSessions = UserSessionsStatus(count: 2, most: 100)
    let text = String(decoding: status.rendered(), as: UTF8.self)
    #expect(
      text.contains(
        #","scopes":[\#(Self.idleLine)],"user_sessions":{"count":2,"most":100,"access_key_id":null,"expires_at":null}}"#
      ))
    #expect(try RoleStatus(parsing: Array(text.utf8).span) == status)
  }

  @Test func `an event names its scope and its user`() throws {
    var event = RoleEvent(time: nil, kind: .rotated, role: "a", state: .valid, generation: 1)
    (event.scope, event.uid) = ("encode", 1007)
    try check(
      event,
      reads:
        #"{"time":null,"event":"rotated","role":"a","scope":"encode","uid":1007,"state":"valid","generation":1,"access_key_id":null,"expires_at":null,"code":null}"#
    )
  }
}
