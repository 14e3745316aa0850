import Core
import Testing
import Wire

/// Scripts read this output: a changed line is a change for users.
@Suite struct WireDocumentTests {
  static let valid = RoleStatus(
    name: "uploader", state: .valid, accessKeyID: "STS.Nabc", expiresAt: UTCTime("2026-01-02T04:04:05Z"),
    expiresIn: .milliseconds(3_210_900), headroom: .seconds(2010), generation: 17,
    nextRefreshAt: UTCTime("2026-01-02T03:19:05Z"), nextRefreshIn: .seconds(510),
    lastSuccessAt: UTCTime("2026-01-02T03:04:05Z"))
  static let validLine =
    #"{"name":"uploader","state":"valid","access_key_id":"STS.Nabc","expires_at":"2026-01-02T04:04:05Z","expires_in":3210,"#
    + #""headroom":2010,"generation":17,"next_refresh_at":"2026-01-02T03:19:05Z","next_refresh_in":510,"#
    + #""last_success_at":"2026-01-02T03:04:05Z","last_error":null,"needs_attention":false,"outputs":[],"source":null,"reservation":null}"#

  static let lapsed = RoleStatus(
    name: "archive", state: .lapsed, nextRefreshIn: .seconds(30),
    lastError: LastError(
      Failure(.permanent, code: "NoPermission", httpStatus: 403, requestID: "5F2C", advice: "allow this account"),
      since: UTCTime("2026-01-02T03:00:00Z"), at: UTCTime("2026-01-02T03:04:05Z")),
    needsAttention: true,
    source: RoleSource(
      name: "main", state: .unreadable, error: LastError(file: "gone", since: UTCTime("2026-01-02T03:00:01Z"))))
  static let lapsedLine =
    #"{"name":"archive","state":"lapsed","access_key_id":null,"expires_at":null,"expires_in":null,"headroom":0,"#
    + #""generation":0,"next_refresh_at":null,"next_refresh_in":30,"last_success_at":null,"last_error":"#
    + #"{"code":"NoPermission","http_status":403,"request_id":"5F2C","advice":"allow this account","#
    + #""since":"2026-01-02T03:00:00Z","at":"2026-01-02T03:04:05Z","permanent":true},"needs_attention":true,"outputs":[],"source":{"name":"main","state":"unreadable","error":\#(fileErrorLine)},"reservation":null}"#

  static let filed = RoleStatus(
    name: "files", state: .valid, generation: 3,
    outputs: [
      OutputStatus(
        path: "/run/rolekeeper/roles/files/a.json", generation: 3, expiresAt: UTCTime("2026-01-02T04:00:00Z")),
      OutputStatus(
        path: "/srv/b.json", generation: nil, lastError: "no space", since: UTCTime("2026-01-02T03:00:00Z")),
    ])
  static let filedLine =
    #"{"name":"files","state":"valid","access_key_id":null,"expires_at":null,"expires_in":null,"headroom":0,"#
    + #""generation":3,"next_refresh_at":null,"next_refresh_in":null,"last_success_at":null,"last_error":null,"needs_attention":false,"outputs":["#
    + #"{"path":"/run/rolekeeper/roles/files/a.json","generation":3,"content":"valid","expires_at":"2026-01-02T04:00:00Z","last_error":null,"since":null},"#
    + #"{"path":"/srv/b.json","generation":null,"content":"none","expires_at":null,"last_error":"no space","since":"2026-01-02T03:00:00Z"}],"source":null,"reservation":null}"#
  static let fileErrorLine =
    #"{"code":"AccessKeyFile","http_status":null,"request_id":null,"advice":"gone","since":"2026-01-02T03:00:01Z","at":null,"permanent":true}"#

  @Test func `a role's status`() throws {
    try check(Self.lapsed, reads: Self.lapsedLine)
    try check(Self.filed, reads: Self.filedLine)
    #expect(line(Self.valid) == Self.validLine + "\n")
    let read = try RoleStatus(parsing: Array(Self.validLine.utf8).span)
    #expect(read.expiresIn == .seconds(3210), "a span is whole seconds on the way")
    #expect(read.generation == 17 && read.state == .valid && read.lastError == nil)
  }

  @Test func `a role's reservation with its users`() throws {
    var role = Self.lapsed
    role.reservation = ReservationStatus(
      duration: .seconds(10_860), expiresAt: UTCTime("2026-01-02T06:05:05Z"), expiresIn: .seconds(9000),
      uids: [0, 1001])
    try check(
      role,
      reads: Self.lapsedLine.replacing(
        #""reservation":null"#,
        with: #""reservation":{"duration":10860,"expires_at":"2026-01-02T06:05:05Z","expires_in":9000,"uids":[0,1001]}"#
      ))
  }

  @Test func `a role's units with what became of their reloads`() throws {
    var role = Self.lapsed
    let at = UTCTime("2026-01-02T03:05:05Z")
    role.units = [
      UnitRefreshStatus(unit: "a.service", result: .done, generation: 17, at: at),
      UnitRefreshStatus(unit: "b.service", result: .notAllowed, generation: 17, at: at, lastError: "no"),
    ]
    try check(
      role,
      reads: Self.lapsedLine.replacing(
        #""outputs":[]"#,
        with: #""outputs":[],"units":[{"unit":"a.service","result":"done","generation":17,"at":"2026-01-02T03:05:05Z","#
          + #""last_error":null},{"unit":"b.service","result":"not_allowed","generation":17,"at":"2026-01-02T03:05:05Z","last_error":"no"}]"#
      ))
  }

  @Test func `the answer to a refresh names the fetched session`() throws {
    var role = Self.lapsed
    role.fetched = FetchedSession(
      accessKeyID: "STS.N2", asked: .hours(1), expiresAt: UTCTime("2026-01-02T03:05:05Z"), expiresIn: .seconds(60))
    try check(
      role,
      reads: String(Self.lapsedLine.dropLast())
        + #","fetched":{"access_key_id":"STS.N2","duration":3600,"expires_at":"2026-01-02T03:05:05Z","expires_in":60}}"#
    )
  }

  @Test func `a file's status of an older daemon is read without the newer members`() throws {
    let text = #"{"path":"/srv/b.json","generation":3,"last_error":null,"since":null}"#
    #expect(try OutputStatus(parsing: Array(text.utf8).span) == OutputStatus(path: "/srv/b.json", generation: 3))
  }

  @Test func `a status without a reservation's member reads as one of an older daemon`() throws {
    let text = Self.lapsedLine.replacing(#","reservation":null"#, with: "")
    #expect(try RoleStatus(parsing: Array(text.utf8).span) == Self.lapsed)
  }

  @Test func `a status without the member on the refresh reads as one of an older daemon`() throws {
    let text = Self.validLine.replacing(#","needs_attention":false"#, with: "")
    #expect(try !RoleStatus(parsing: Array(text.utf8).span).needsAttention)
  }

  @Test func `the reload answer has the socket's new path`() throws {
    try check(ReloadOutcome(movedTo: nil), reads: #"{"reload":"done","socket_moved_to":null,"warnings":[]}"#)
    try check(
      ReloadOutcome(movedTo: "/run/x", warnings: ["a file is gone"]),
      reads: #"{"reload":"done","socket_moved_to":"/run/x","warnings":["a file is gone"]}"#)
    // An older daemon's answer.
    let old = Array(#"{"reload":"done","socket_moved_to":null}"#.utf8)
    #expect(try ReloadOutcome(parsing: old.span) == ReloadOutcome(movedTo: nil))
  }

  @Test func `a list of roles`() throws {
    try check(RoleList([], isAdmin: false), reads: #"{"roles":[],"admin":false}"#)
    try check(
      RoleList([Self.lapsed, Self.lapsed], isAdmin: true),
      reads: #"{"roles":[\#(Self.lapsedLine),\#(Self.lapsedLine)],"admin":true}"#)
  }

  @Test func `the report of the whole daemon`() throws {
    let report = StatusReport(
      version: "0.1.0", pid: 4711, startedAt: UTCTime("2026-01-01T00:00:00Z"), roles: [Self.lapsed],
      sources: [
        SourceStatus(
          name: "main", type: "access-key", state: .keyNotTaken, accessKeyID: "LTAI5t",
          inUseSince: UTCTime("2026-01-01T00:00:00Z"), provenAt: UTCTime("2026-01-01T00:00:01Z"),
          lastAcceptedAt: UTCTime("2026-01-01T00:00:02Z"), arn: "acs:ram::1:user/keeper",
          newKey: NewKeyStatus(
            accessKeyID: "LTAI…wxyz", foundAt: UTCTime("2026-01-01T00:00:03Z"),
            error: LastError(
              Failure(.permanent, code: "SignatureDoesNotMatch", httpStatus: 400, advice: "a"), since: nil))),
        SourceStatus(
          name: "spare", type: "access-key", state: .noKey,
          error: LastError(file: "gone", since: UTCTime("2026-01-02T03:00:01Z"))),
      ],
      endpoints: [
        EndpointStatus(
          endpoint: "sts.example", answers: 0, failures: 2, lastAnswerAt: nil, latestFailure: "Connect"),
        EndpointStatus(
          endpoint: "sts-vpc.example:8443", answers: 7, failures: 0, lastAnswerAt: UTCTime("2026-01-01T00:00:01Z"),
          latestFailure: nil),
        EndpointStatus(
          endpoint: "sts.cn-hangzhou.aliyuncs.com", answers: 3, failures: 0, throttled: 2, lastAnswerAt: nil,
          latestFailure: "Throttling.User", region: RegionStatus(.throttled, requestsPerSecond: 1.5)),
      ],
      rate: RateStatus(requestsPerSecond: 0.5, configured: 2, queued: 3), health: Health(of: [Self.lapsed]),
      caFile: CAFileStatus(
        path: "/etc/ca.pem", error: LastError(caFile: "gone", since: UTCTime("2026-01-02T03:00:02Z"))))
    try check(
      report,
      reads: #"{"version":"0.1.0","pid":4711,"started_at":"2026-01-01T00:00:00Z","healthy":false,"roles":["#
        + Self.lapsedLine
        + #"],"sources":[{"name":"main","type":"access-key","state":"key-not-taken","access_key_id":"LTAI5t","#
        + #""in_use_since":"2026-01-01T00:00:00Z","proven_at":"2026-01-01T00:00:01Z","#
        + #""last_accepted_at":"2026-01-01T00:00:02Z","arn":"acs:ram::1:user/keeper","error":null,"new_key":{"access_key_id":"LTAI…wxyz","#
        + #""found_at":"2026-01-01T00:00:03Z","error":{"code":"SignatureDoesNotMatch","http_status":400,"#
        + #""request_id":null,"advice":"a","since":null,"at":null,"permanent":true}}},"#
        + #"{"name":"spare","type":"access-key","state":"no-key","access_key_id":null,"in_use_since":null,"#
        + #""proven_at":null,"last_accepted_at":null,"error":\#(Self.fileErrorLine),"new_key":null}],"#
        + #""endpoints":[{"endpoint":"sts.example","answers":0,"unanswered":2,"last_answer_at":null,"missing":"Connect","throttled":0,"region":null},{"endpoint":"sts-vpc.example:8443","answers":7,"unanswered":0,"last_answer_at":"2026-01-01T00:00:01Z","missing":null,"throttled":0,"region":null},{"endpoint":"sts.cn-hangzhou.aliyuncs.com","answers":3,"unanswered":0,"last_answer_at":null,"missing":"Throttling.User","throttled":2,"region":{"state":"throttled","requests_per_second":1.5}}],"rate":{"requests_per_second":0.5,"configured":2.0,"queued":3},"ca_file":{"path":"/etc/ca.pem","error":{"code":"CAFile","http_status":null,"request_id":null,"advice":"gone","since":"2026-01-02T03:00:02Z","at":null,"permanent":true}},"health":{"status":"failing","reasons":[{"reason":"no-session","role":"archive","detail":"role 'archive' has no valid session; the last attempt failed: NoPermission"}]}}"#
    )
  }

  @Test func `the hosts that a machine serves, in JSON and in one line`() throws {
    var fleet = FleetStatus(
      hosts: 187, refused: 2, waiting: 143, proxy: "rolekeeper-nginx", proxyUID: 990,
      proxySeen: (at: UTCTime(seconds: 1_767_225_600), ago: .seconds(2)), connections: 146, mostConnections: 1024,
      refusedConnections: 0)
    try check(
      fleet,
      reads:
        #"{"hosts":187,"refused_hosts":2,"waiting":143,"proxy":"rolekeeper-nginx","proxy_uid":990,"proxy_seen_at":"2026-01-01T00:00:00Z","proxy_seen_ago":2,"connections":146,"max_connections":1024,"refused_connections":0}"#
    )
    #expect(
      fleet.text
        == "187 hosts in the last 10 min, 143 waiting, 2 refused; proxy 'rolekeeper-nginx' last seen 2s ago; connections 146 of 1024"
    )
    fleet = FleetStatus(
      hosts: 1, refused: 0, waiting: 0, proxy: nil, proxyUID: 990, proxySeen: nil, connections: 4, mostConnections: 4,
      refusedConnections: 3)
    #expect(
      fleet.text
        == "1 host in the last 10 min, 0 waiting, 0 refused; proxy with uid 990 not seen since the start; connections 4 of 4, 3 refused"
    )
    let report = StatusReport(
      version: "1", pid: 1, startedAt: nil, roles: [], sources: [], endpoints: [],
      rate: RateStatus(requestsPerSecond: 1, configured: 1, queued: 0), health: Health([]), fleet: fleet)
    #expect(try StatusReport(parsing: report.rendered().span) == report)
  }

  @Test func `a source with a client certificate`() throws {
    var source = SourceStatus(name: "tier", type: "upstream", state: .working)
    #expect(source.certificateText == nil)
    source.certificate = CertificateStatus(
      name: "web1.prod.example", validFrom: UTCTime(seconds: 1_767_225_600),
      validUntil: UTCTime(seconds: 1_767_312_000),
      isRenewalDue: false)
    let text = String(decoding: source.rendered(), as: UTF8.self)
    #expect(
      text.contains(
        #""certificate":{"name":"web1.prod.example","valid_from":"2026-01-01T00:00:00Z","valid_until":"2026-01-02T00:00:00Z","renewal_due":false}"#
      ), "\(text)")
    #expect(try SourceStatus(parsing: source.rendered().span) == source)
    #expect(source.certificateText == "source 'tier': certificate of 'web1.prod.example' until 2026-01-02T00:00:00Z")
    source.certificate?.isRenewalDue = true
    #expect(source.certificateText?.hasSuffix("T00:00:00Z, renew it") == true)
  }

  @Test func `a source of an older daemon is read without the newer members`() throws {
    let text = #"{"name":"main","type":"access-key","access_key_id":"LTAI5t","in_use_since":null}"#
    let source = try SourceStatus(parsing: Array(text.utf8).span)
    #expect(source == SourceStatus(name: "main", type: "access-key", state: nil, accessKeyID: "LTAI5t"))
  }

  @Test func `an event`() throws {
    try check(
      RoleEvent(
        time: UTCTime("2026-01-02T03:04:05Z"), kind: .rotated, role: "uploader", state: .valid, generation: 18,
        accessKeyID: "STS.Nxyz", expiresAt: UTCTime("2026-01-02T04:04:05Z")),
      reads: #"{"time":"2026-01-02T03:04:05Z","event":"rotated","role":"uploader","state":"valid","generation":18,"#
        + #""access_key_id":"STS.Nxyz","expires_at":"2026-01-02T04:04:05Z","code":null}"#)
    try check(
      RoleEvent(time: nil, kind: .changed, role: "uploader", state: .belowFloor, generation: 18, code: "InternalError"),
      reads: #"{"time":null,"event":"changed","role":"uploader","state":"below-floor","generation":18,"#
        + #""access_key_id":null,"expires_at":null,"code":"InternalError"}"#)
    try check(
      RoleEvent(
        time: nil, kind: .output, role: "files", state: .valid, generation: 3,
        output: OutputStatus(path: "/srv/b.json", generation: 3)),
      reads: #"{"time":null,"event":"output","role":"files","state":"valid","generation":3,"#
        + #""access_key_id":null,"expires_at":null,"code":null,"#
        + #""output":{"path":"/srv/b.json","generation":3,"content":"valid","expires_at":null,"last_error":null,"since":null}}"#
    )
  }

  @Test func `a line of the event stream is a role's, a heartbeat or unknown`() throws {
    try check(
      Heartbeat(time: UTCTime("2026-01-02T03:04:05Z")), reads: #"{"time":"2026-01-02T03:04:05Z","event":"heartbeat"}"#)
    let snapshot = RoleEvent(time: nil, kind: .snapshot, role: "uploader", state: .valid, generation: 18)
    #expect(EventLine(parsing: snapshot.rendered().span) == .role(snapshot))
    #expect(EventLine(parsing: Heartbeat(time: nil).rendered().span) == .heartbeat)
    for text in ["", "{}", #"{"event":"later"}"#, #"{"event":"later","role":"r","state":"valid","generation":1}"#] {
      #expect(EventLine(parsing: Array(text.utf8).span) == .unknown)
    }
  }

  @Test func `a problem has only the members that it needs`() throws {
    try check(
      Problem(.forbidden, detail: "role 'uploader' isn't for uid 1001"),
      reads: #"{"type":"urn:rolekeeper:problem:forbidden","title":"forbidden","status":403,"#
        + #""detail":"role 'uploader' isn't for uid 1001"}"#)
    let full = Problem(
      .noSession, detail: "d", code: "NoPermission", requestID: "5F2C", retryAfter: .seconds(30),
      maxTTL: .seconds(3540), suggestion: "uploader", errors: ["line 1", "line 2"])
    try check(
      full,
      reads: #"{"type":"urn:rolekeeper:problem:no-valid-session","title":"there is no valid session","status":503,"#
        + #""detail":"d","code":"NoPermission","request_id":"5F2C","retry_after":30,"max_ttl":3540,"did_you_mean":"uploader","#
        + #""errors":["line 1","line 2"]}"#)
    #expect(full.kind == .noSession)
  }

  @Test func `a wait is rounded up and a lifetime rounded down`() {
    let text = line(Problem(.tooLong, detail: "d", retryAfter: .milliseconds(29_001), maxTTL: .milliseconds(3540_999)))
    #expect(text.contains(#""retry_after":30,"max_ttl":3540"#))
  }

  @Test func `each kind of problem is recognised by its type`() throws {
    for kind in Problem.Kind.allCases {
      let read = try Problem(parsing: Problem(kind, detail: "d").rendered().span)
      #expect(read.kind == kind && read.status == kind.status)
    }
    let other = #"{"type":"about:blank","title":"t","status":400,"detail":"d"}"#
    #expect(try Problem(parsing: Array(other.utf8).span).kind == nil)
  }

  @Test func `keys of a later version are ignored`() throws {
    let text = #"{"time":null,"event":"changed","new":{"a":[1]},"role":"r","state":"valid","generation":1}"#
    #expect(try RoleEvent(parsing: Array(text.utf8).span).role == "r")
  }

  struct BadCase: Sendable {
    let text: String
    let error: WireError
  }

  @Test(arguments: [
    BadCase(text: "<html>", error: .notJSON(reason: "this is not JSON", offset: 0)),
    BadCase(text: "{}", error: .missing("name")),
    BadCase(text: #"{"name":1}"#, error: .malformed("name")),
    BadCase(text: #"{"name":"r","state":"odd"}"#, error: .malformed("state")),
    BadCase(text: #"{"name":"r","state":"valid","expires_at":"soon"}"#, error: .malformed("expires_at")),
    BadCase(text: #"{"name":"r","state":"valid","headroom":1.5}"#, error: .malformed("headroom")),
    BadCase(text: #"{"name":"r","state":"valid","headroom":1,"generation":-1}"#, error: .malformed("generation")),
  ])
  func `any other document is refused with the reason`(_ row: BadCase) {
    #expect(throws: row.error) { _ = try RoleStatus(parsing: Array(row.text.utf8).span) }
  }

  private func line(_ document: some WireDocument) -> String { String(decoding: document.rendered(), as: UTF8.self) }

  private func check<Document: WireDocument & Equatable>(_ document: Document, reads text: String) throws {
    #expect(line(document) == text + "\n")
    #expect(try Document(parsing: Array(text.utf8).span) == document)
  }
}
