import CommandInterface
import Core
import Testing
import Wire

@testable import rolekeeper

/// `--scope`, and what is shown of scopes.
@Suite struct ScopeOptionTests {
  @Test(arguments: ["get", "watch", "report"]) func `a scope is taken where a role's session is`(_ command: String)
    throws
  {
    guard case .command(let arguments) = try Invocation([command, "uploader", "--scope", "encode"]) else {
      Issue.record("no command")
      return
    }
    #expect(arguments.scope == "encode" && arguments.roles == ["uploader"])
  }

  @Test(arguments: [
    (["get", "uploader", "--scope", "A b"], "'A b' can't be a scope's name"),
    (["get", "uploader", "--scope", ""], "'' can't be a scope's name"),
    (["refresh", "uploader", "--scope", "encode"], "'refresh' has no option '--scope'"),
  ])
  func `a name that no scope can have, or another command, is wrong usage`(_ words: [String], _ start: String) {
    #expect(performing: { _ = try Invocation(words) }, throws: { "\($0)".hasPrefix(start) })
  }

  @Test func `watch names the scope in its line and in the command's variables`() {
    var event = RoleEvent(time: nil, kind: .rotated, role: "a", state: .valid, generation: 7)
    event.scope = "encode"
    #expect(WatchCommand.line(event) == "role 'a', scope 'encode': generation 7\n")
    #expect(WatchCommand.variables(event).map(\.name).contains("ROLEKEEPER_SCOPE"))
  }

  @Test func `status lists scopes and users below the roles`() {
    var role = RoleStatus(name: "a", state: .valid)
    role.scopes = [ScopeStatus(role: "a", name: "encode", state: .valid, expiresIn: .seconds(60), users: 2)]
    role.userSessions = UserSessionsStatus(count: 3, most: 100)
    let text = StatusTable.render(
      [role], report: nil, scopes: [ScopeStatus(role: "b", name: "list")], on: Terminal(width: nil, wantsColours: false)
    ) { "\($0)" }
    let rows = text.split(separator: "\n").map { $0.split(separator: " ").joined(separator: " ") }
    #expect(rows.contains("ROLE SCOPE STATE EXPIRES IN USERS"))
    #expect(Array(rows.suffix(3)) == ["a - - - 3", "a encode valid 1min 2", "b list - - -"], "\(text)")
    let detail = RoleDetail.render(role, on: Terminal(width: nil, wantsColours: false)) { "\($0)" }
    #expect(detail.contains("3 users with a session of their own, 100 at most"))
    #expect(detail.contains("your session     none"), "\(detail)")
    #expect(detail.contains("encode: valid, - expires in 1min, 2 users with a session"), "\(detail)")
  }

  /// Only the role's own session was shown, which the user doesn't get.
  @Test func `status of a role shows the session of the user who asks`() {
    var role = RoleStatus(name: "a", state: .valid)
    role.accessKeyID = "STS.role"
    role.scopes = [ScopeStatus(role: "a", name: "encode", users: 1)]
    role.userSessions = UserSessionsStatus(
      count: 1, most: 100, accessKeyID: "STS.own", expiresAt: UTCTime(seconds: 0))
    let detail = RoleDetail.render(role, on: Terminal(width: nil, wantsColours: false)) { "\($0)" }
    #expect(detail.contains("your session     STS.own, expires at 1970-01-01T00:00:00Z"), "\(detail)")
    #expect(detail.contains("1 user with a session of its own, 100 at most"), "\(detail)")
    #expect(detail.contains("encode: no session of yours, 1 user with a session\n"), "\(detail)")
  }
}
