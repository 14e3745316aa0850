import Core
import Testing
import Wire

@testable import rolekeeper

@Suite struct RefusalTests {
  @Test(arguments: Problem.Kind.allCases)
  func `1 is for what will never work as it was asked, 4 for what may work later`(kind: Problem.Kind) {
    let refusal = Refusal(Problem(kind, detail: "d"), httpStatus: kind.status)
    #expect(refusal.exitStatus == ([429, 503].contains(kind.status) ? 4 : 1))
  }

  @Test(arguments: [Problem.Kind.noSession, .tooManyReservations, .refreshFailed])
  func `what may work later says when`(kind: Problem.Kind) {
    let refusal = Refusal(Problem(kind, detail: "no", retryAfter: .seconds(95)), httpStatus: kind.status)
    #expect("\(refusal)" == "no\ntry again in 1min35s")
  }

  /// A role whose trust policy refuses us ended like one that is throttled: scripts tried again and again.
  @Test func `a refresh that fails until somebody changes something ends with 1`() {
    let problem = Problem(.refreshFailed, detail: "no", retryAfter: .seconds(95), isPermanent: true)
    let refusal = Refusal(problem, httpStatus: 503)
    #expect(refusal.exitStatus == 1)
    #expect("\(refusal)" == "no\nthe daemon tries again by itself in 1min35s")
  }

  @Test func `a session that couldn't be checked is reported with the reason and when to try again`() {
    let result = SessionCheckResult(
      role: "a", accessKeyID: "STS.1", result: .unchecked, code: "ConnectTimeout", requestID: "5F2C",
      advice: "nothing takes the connection", retryAfter: .seconds(70))
    #expect(
      ReportCommand.unchecked(result) == """
        session 'STS.1' couldn't be checked, and stays in use: ConnectTimeout: nothing takes the connection (request 5F2C)
        report it again in 1min10s
        """)
    let bare = SessionCheckResult(role: "a", accessKeyID: "STS.1", result: .unchecked)
    #expect(ReportCommand.unchecked(bare).hasSuffix("no reason given\nreport it again"))
  }

  @Test(arguments: Problem.Kind.allCases)
  func `no sentence speaks of HTTP or of the API's parameters`(kind: Problem.Kind) {
    let detail =
      switch kind {
      case .malformed: "'min_ttl' is 'x'; write whole seconds: ?min_ttl=30"
      case .notFound: "there is no role 'a'; GET /v1/roles lists those that you may read"
      case .methodNotAllowed: "use GET here"
      case .tooLong: "min_ttl is 10800 s; role 'a' can have 3540 s at most"
      default: "something"
      }
    let text = "\(Refusal(Problem(kind, detail: detail, maxTTL: .seconds(3540)), httpStatus: kind.status, role: "a"))"
    for word in ["HTTP", "GET", "POST", "/v1", "min_ttl", "?"] where !text.hasSuffix("same version?") || word != "?" {
      #expect(!text.contains(word), "\(text)")
    }
    #expect(!"\(Refusal(nil, httpStatus: 502))".contains("HTTP"))
  }

  /// Whoever had too many connections open was asked whether two programs are of the same version.
  @Test(arguments: [408, 429, 503])
  func `what the server refuses for too many connections is repeated, and what it can't read is not`(status: Int) {
    var problem = Problem(.tooManyReservations, detail: "close some connections", retryAfter: .seconds(1))
    problem.type = "about:blank"
    problem.status = status
    #expect("\(Refusal(problem, httpStatus: status))" == "close some connections\ntry again in 1s")
    problem.status = 400
    #expect("\(Refusal(problem, httpStatus: 400))".contains("same version?"))
  }

  @Test func `a life that can't be had is named as it was typed, and the longest with its units`() {
    let problem = Problem(.tooLong, detail: "min_ttl is 10800 s", maxTTL: .seconds(3540))
    let text = "\(Refusal(problem, httpStatus: 409, role: "uploader", minTTL: WrittenTime("3h")))"
    #expect(
      text == "role 'uploader': '--min-ttl' is 3h, but at most 59min can be had; see 'max_duration' in its settings")
  }

  @Test func `a role that doesn't exist comes with the name that was probably meant`() {
    let problem = Problem(.notFound, detail: "d", suggestion: "uploader")
    let end = "'rolekeeper status' lists those that you may read"
    #expect(
      "\(Refusal(problem, httpStatus: 404, role: "uplaoder"))"
        == "there is no role 'uplaoder'; did you mean 'uploader'? \(end)")
    let bare = Problem(.notFound, detail: "d")
    #expect("\(Refusal(bare, httpStatus: 404, role: "x"))" == "there is no role 'x'; \(end)")
  }

  /// It said to see 'max_duration', which was at its limit.
  @Test func `a life that STS never grants isn't blamed on the settings`() {
    let problem = Problem(.tooLong, detail: "d", maxTTL: .seconds(43_140))
    let text = "\(Refusal(problem, httpStatus: 409, role: "a", minTTL: WrittenTime("13h")))"
    #expect(
      text == "role 'a': '--min-ttl' is 13h, but at most 11h59min can be had; STS issues no longer sessions", "\(text)")
  }

  @Test func `a life that a tier never hands out is blamed on its sessions`() {
    let problem = Problem(.tooLong, detail: "d", code: "NoReservation", maxTTL: .seconds(3540))
    let text = "\(Refusal(problem, httpStatus: 409, role: "a", minTTL: WrittenTime("3h")))"
    #expect(
      text == "role 'a': '--min-ttl' is 3h, but at most 59min can be had; the tier's sessions live no longer", "\(text)"
    )
  }

  /// It reported the generation in use as the one that came, though STS had granted a minute and readers kept what they had.
  @Test func `a refresh reports what STS granted and what readers have`() {
    var status = RoleStatus(
      name: "a", state: .valid, accessKeyID: "STS.N1", expiresIn: .seconds(3367), generation: 2)
    #expect(RefreshCommand.refreshed(status) == "role 'a' refreshed: generation 2, expires in 56min7s")
    status.fetched = FetchedSession(accessKeyID: "STS.N2", asked: .hours(1), expiresAt: nil, expiresIn: .seconds(60))
    #expect(
      RefreshCommand.refreshed(status) == """
        role 'a' refreshed: the new session expires in 1min; STS granted less than the 1h asked for
        readers keep the one that lasts longer: generation 2, expires in 56min7s
        """)
    status.fetched = FetchedSession(accessKeyID: "STS.N1", asked: .hours(1), expiresAt: nil, expiresIn: .seconds(3599))
    #expect(RefreshCommand.refreshed(status) == "role 'a' refreshed: generation 2, expires in 56min7s")
  }

  /// A tier grants nothing: it hands out what it has.
  @Test func `a refresh from a tier doesn't compare lives, and may bring nothing new`() {
    var status = RoleStatus(
      name: "a", state: .valid, accessKeyID: "STS.a", expiresIn: .seconds(1800), headroom: .zero, generation: 2,
      source: RoleSource(name: "tier", state: .working))
    status.source?.type = "upstream"
    #expect(
      RefreshCommand.refreshed(status) == "role 'a': the tier has no newer session: generation 2, expires in 30min")
    status.fetched = FetchedSession(
      accessKeyID: "STS.a", asked: .seconds(3416), expiresAt: UTCTime(seconds: 0), expiresIn: .seconds(1800))
    #expect(RefreshCommand.refreshed(status) == "role 'a' refreshed: generation 2, expires in 30min")
  }

  /// That the settings are too strict isn't said where it was STS that refused.
  @Test func `a life that STS refused isn't blamed on the settings`() {
    let problem = Problem(
      .tooLong, detail: "d", code: "InvalidParameter.DurationSeconds", requestID: "5F2C", maxTTL: .seconds(840))
    let text = "\(Refusal(problem, httpStatus: 409, role: "a", minTTL: WrittenTime("2h")))"
    #expect(
      text.contains("STS refused more: InvalidParameter.DurationSeconds (request 5F2C)")
        && !text.contains("max_duration"))
  }

  /// It said "STS refused more: GrantedLess", where STS had refused nothing.
  @Test func `less than was asked for is granted, not refused`() {
    let problem = Problem(.tooLong, detail: "d", code: "GrantedLess", maxTTL: .seconds(840))
    let text = Refusal(problem, httpStatus: 409, role: "a").description
    #expect(text.contains("STS granted less than was asked for") && !text.contains("refused"), "\(text)")
  }

  @Test func `settings that are refused are listed one by one`() {
    let text =
      "\(Refusal(Problem(.settingsRefused, detail: "fix 'errors'", errors: ["x:1: a", "x:2: b"]), httpStatus: 422))"
    #expect(
      text
        == "the settings are refused, and the old ones stay in force, but only until the service is stopped:\nx:1: a\nx:2: b"
    )
  }

  /// It said "since STS can't be reached", which nobody had looked at: the session was a short one.
  @Test func `below the floor no cause is named`() {
    #expect(
      GetCommand.belowFloor("a", .seconds(95))
        == "role 'a': this credential lasts 1min35s more, less than the role's floor; see 'rolekeeper status a'")
  }

  @Test func `a socket that moved is reached by the path in the message`() {
    let text = ReloadCommand.moved(to: "/run/other.sock")
    #expect(text.contains("export ROLEKEEPER_SOCKET=/run/other.sock"))
    #expect(text.contains("Environment=ROLEKEEPER_SOCKET=/run/other.sock"))
    let odd = ReloadCommand.moved(to: "/run/it's 1.sock")
    #expect(odd.contains(#"export ROLEKEEPER_SOCKET='/run/it'\''s 1.sock'"#), "\(odd)")
    #expect(odd.contains("Environment=\"ROLEKEEPER_SOCKET=/run/it's 1.sock\""), "\(odd)")
    #expect(!ReloadCommand.moved(to: StandardPath.socket).contains("export"))
  }
}
