import Core
import Testing
import Wire

@Suite struct HeadlineTests {
  private func text(_ roles: RoleStatus...) -> String { Headline(roles).text }

  private func role(_ name: String, _ state: RoleState, headroom: Int64 = 600, failing: Bool = false) -> RoleStatus {
    let failure = Failure(.transient, code: "Connect", advice: "look")
    return RoleStatus(
      name: name, state: state, headroom: .seconds(headroom), lastError: failing ? LastError(failure, since: nil) : nil)
  }

  @Test func `healthy roles make one sentence`() {
    #expect(
      text(role("a", .valid), role("b", .valid, headroom: 90))
        == "2 of 2 roles valid; if STS failed now, readers would keep their floor for 1min30s ('b' first)")
    #expect(text() == "no roles in the settings")
  }

  @Test func `on a host of a tier the line is about that`() {
    func of(_ role: RoleStatus, _ state: SourceState, since: UTCTime? = nil) -> RoleStatus {
      var role = role
      var error: LastError?
      if let since { error = LastError(Failure(.transient, code: "Connect", advice: "look"), since: since) }
      role.source = RoleSource(name: "tier", state: state, error: error)
      role.source?.type = "upstream"
      role.expiresIn = role.headroom + .minutes(20)
      return role
    }
    let (a, b) = (role("a", .valid), role("b", .valid, headroom: 90))
    #expect(
      text(of(a, .working), of(b, .working))
        == "2 of 2 roles valid; if the tier failed now, readers would keep their floor for 1min30s ('b' first)")
    #expect(
      text(of(a, .notRenewed, since: UTCTime("2026-11-30T21:10:00Z")), of(b, .notRenewed))
        == "2 of 2 roles valid; the tier is away since 2026-11-30T21:10:00Z; readers keep their floor for 1min30s "
        + "('b' first), a session for 30min")
    #expect(text(of(a, .working), b).contains("if STS failed now"), "they have different sources")
  }

  /// With one role without a session, the line claimed that readers would keep their floor for 0 s.
  @Test func `failing roles are named, and nothing is claimed about the others`() {
    #expect(
      text(role("a", .valid), role("b", .lapsed, headroom: 0, failing: true), role("c", .waiting, headroom: 0))
        == "1 of 3 roles valid, 1 failing to refresh; if STS failed now, readers would keep their floor for 10min "
        + "('a' first); without a credential: 'b'; waiting for the first session: 'c'")
    #expect(
      text(role("a", .belowFloor, headroom: 0), role("b", .failing, failing: true))
        == "2 of 2 roles valid, 1 failing to refresh; if STS failed now, readers would keep their floor for 10min "
        + "('b' first); below the floor: 'a'")
    #expect(
      text(role("a", .lapsed, failing: true)) == "0 of 1 role valid, 1 failing to refresh; without a credential: 'a'")
  }

  @Test func `roles whose refresh fails are named as long as they have a session`() {
    var role = role("a", .failing, failing: true)
    role.needsAttention = true
    #expect(
      text(role, self.role("b", .valid))
        == "2 of 2 roles valid, 1 failing to refresh; if STS failed now, readers would keep their floor for 10min "
        + "('a' first); not refreshed any more: 'a'")
    role.state = .lapsed
    #expect(text(role) == "0 of 1 role valid, 1 failing to refresh; without a credential: 'a'")
  }

  /// The service manager's line reported that all was well while programs that read files got nothing new.
  @Test func `roles whose files can't be written are named, whatever their sessions`() {
    var role = role("a", .valid)
    role.outputs = [
      OutputStatus(path: "/srv/a", generation: 1, lastError: nil, since: nil),
      OutputStatus(path: "/srv/b", generation: nil, lastError: "disk full", since: nil),
    ]
    #expect(
      text(role, self.role("b", .valid))
        == "2 of 2 roles valid; if STS failed now, readers would keep their floor for 10min ('a' first); "
        + "files can't be written: 'a'")
  }

  @Test func `of many failing roles three are named, and the rest counted`() {
    let roles = [4, 7, 2, 6, 1, 5, 3].map { role("r\($0)", .lapsed) }
    #expect(Headline(roles).text == "0 of 7 roles valid; without a credential: 'r1', 'r2', 'r3' and 4 more")
  }
}
