package import Core
package import JSON

/// A role's state, as readers see it.
package enum RoleState: String, Sendable, CaseIterable {
  /// No session yet since the daemon started: readers get 503.
  case waiting
  /// The freshest session has at least the floor left, and the last attempt succeeded.
  case valid
  /// Like `valid`, but attempts are failing.
  case failing
  /// A session is handed out, but has less than the floor left.
  case belowFloor = "below-floor"
  /// No valid session any more: readers get 503.
  case lapsed

  /// Whether a reader gets a credential.
  package var hasSession: Bool { self == .valid || self == .failing || self == .belowFloor }
}

/// One role in `GET /v1/roles`, `GET /v1/roles/NAME` and `GET /v1/status`.
package struct RoleStatus: WireDocument, Hashable, Sendable {
  package var name: String
  package var state: RoleState
  package var accessKeyID: String?
  package var expiresAt: UTCTime?
  package var expiresIn: Duration?
  /// How long readers would still get at least the floor if STS stopped answering now.
  package var headroom: Duration
  /// 0 until the first session.
  package var generation: UInt64
  package var nextRefreshAt: UTCTime?
  package var nextRefreshIn: Duration?
  package var lastSuccessAt: UTCTime?
  /// Nil if the last attempt succeeded.
  package var lastError: LastError?
  /// Whether the refresh fails in a way that waiting won't fix, which makes a role with a session `degraded`. False from a daemon
  /// that is older than its command line.
  package var needsAttention: Bool
  /// Its credential files, in the settings' order.
  package var outputs: [OutputStatus]
  /// The units in its `refresh_units`, in the order of their names, as of the latest rotation; empty from a daemon that is older than its
  /// command line.
  package var units: [UnitRefreshStatus] = []
  /// The source that signs for it; nil from a daemon that is older than its command line.
  package var source: RoleSource?
  /// The longer session that readers requested; nil if there is none.
  package var reservation: ReservationStatus?
  /// The maximum `min_ttl`; nil from a daemon that is older than its command line.
  package var maxTTL: Duration?
  /// The code with which STS refused more; nil if the settings are the limit.
  package var maxTTLCode: String?
  /// Set if STS grants too little for the floor; nil if it doesn't, or isn't known to.
  package var shortSessions: ShortSessions?
  /// Its scopes that the peer may read, in the order of their names.
  package var scopes: [ScopeStatus] = []
  /// Set if each user has a session of its own; the other members are about the role's own session, which goes to files and units.
  package var userSessions: UserSessionsStatus?
  /// The session that a refresh has just fetched, which may be only the standby; nil in all other answers.
  package var fetched: FetchedSession?

  package init(
    name: String, state: RoleState, accessKeyID: String? = nil, expiresAt: UTCTime? = nil,
    expiresIn: Duration? = nil, headroom: Duration = .zero, generation: UInt64 = 0, nextRefreshAt: UTCTime? = nil,
    nextRefreshIn: Duration? = nil, lastSuccessAt: UTCTime? = nil, lastError: LastError? = nil,
    needsAttention: Bool = false, outputs: [OutputStatus] = [], source: RoleSource? = nil,
    reservation: ReservationStatus? = nil, maxTTL: Duration? = nil, maxTTLCode: String? = nil
  ) {
    self.name = name
    self.state = state
    self.accessKeyID = accessKeyID
    self.expiresAt = expiresAt
    self.expiresIn = expiresIn
    self.headroom = headroom
    self.generation = generation
    self.nextRefreshAt = nextRefreshAt
    self.nextRefreshIn = nextRefreshIn
    self.lastSuccessAt = lastSuccessAt
    self.lastError = lastError
    self.needsAttention = needsAttention
    self.outputs = outputs
    self.source = source
    self.reservation = reservation
    self.maxTTL = maxTTL
    self.maxTTLCode = maxTTLCode
  }

  /// Whether readers of the socket and of its files alike find a credential.
  package var isInPlace: Bool { state.hasSession && outputs.allSatisfy(\.isInPlace) }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    name = try value.text("name")
    state = try value.word("state")
    accessKeyID = try value.optionalText("access_key_id")
    expiresAt = try value.optionalTime("expires_at")
    expiresIn = try value.optionalSpan("expires_in")
    headroom = .seconds(try value.integer("headroom"))
    generation = try value.generation()
    nextRefreshAt = try value.optionalTime("next_refresh_at")
    nextRefreshIn = try value.optionalSpan("next_refresh_in")
    lastSuccessAt = try value.optionalTime("last_success_at")
    lastError = try value.optionalDocument("last_error")
    // Missing in answers of a daemon that was started before the package was upgraded.
    needsAttention = value["needs_attention"] == nil ? false : try value.bool("needs_attention")
    outputs = value["outputs"] == nil ? [] : try value.list("outputs")
    units = value["units"] == nil ? [] : try value.list("units")
    source = try value.optionalDocument("source")
    // May be missing in answers of a daemon that was started before the package was upgraded.
    reservation = try value.optionalDocument("reservation")
    maxTTL = try value.optionalSpan("max_ttl")
    maxTTLCode = try value.optionalText("max_ttl_code")
    shortSessions = try value.optionalDocument("short_sessions")
    scopes = value["scopes"] == nil ? [] : try value.list("scopes")
    userSessions = try value.optionalDocument("user_sessions")
    fetched = try value.optionalDocument("fetched")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("name", name)
      json.member("state", state.rawValue)
      json.member("access_key_id", orNull: accessKeyID)
      json.member("expires_at", expiresAt)
      json.member("expires_in", expiresIn)
      json.member("headroom", headroom)
      json.member("generation", Int64(clamping: generation))
      json.member("next_refresh_at", nextRefreshAt)
      json.member("next_refresh_in", nextRefreshIn)
      json.member("last_success_at", lastSuccessAt)
      json.member("last_error", orNull: lastError)
      json.member("needs_attention", needsAttention)
      json.member("outputs", outputs)
      if !units.isEmpty { json.member("units", units) }
      json.member("source", orNull: source)
      json.member("reservation", orNull: reservation)
      if let maxTTL { json.member("max_ttl", maxTTL.wholeSeconds) }
      if let maxTTLCode { json.member("max_ttl_code", maxTTLCode) }
      if let shortSessions {
        json.key("short_sessions")
        shortSessions.write(to: &json)
      }
      if !scopes.isEmpty { json.member("scopes", scopes) }
      if let userSessions {
        json.key("user_sessions")
        userSessions.write(to: &json)
      }
      if let fetched {
        json.key("fetched")
        fetched.write(to: &json)
      }
    }
  }
}

/// Why the last attempt of a role failed, and since when attempts have failed, in any way.
package struct LastError: WireDocument, Hashable, Sendable {
  package var code: String
  package var httpStatus: Int?
  package var requestID: String?
  package var advice: String
  /// When the first failure since the last success was, which may have been a different one.
  package var since: UTCTime?
  /// When this one was; nil if that isn't recorded, and from a daemon that is older than its command line.
  package var at: UTCTime?
  /// Whether it fails again until somebody changes something. False from a daemon that is older than its command line.
  package var isPermanent: Bool

  package init(_ failure: Failure, since: UTCTime?, at: UTCTime? = nil) {
    code = failure.code
    httpStatus = failure.httpStatus
    requestID = failure.requestID
    advice = failure.advice
    isPermanent = failure.kind == .permanent
    self.since = since
    self.at = at
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    code = try value.text("code")
    httpStatus = try value.optionalInteger("http_status").map { Int($0) }
    requestID = try value.optionalText("request_id")
    advice = try value.text("advice")
    since = try value.optionalTime("since")
    at = try value.optionalTime("at")
    isPermanent = value["permanent"]?.bool ?? false
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("code", code)
      json.member("http_status", orNull: httpStatus.map { Int64($0) })
      json.member("request_id", orNull: requestID)
      json.member("advice", advice)
      json.member("since", since)
      json.member("at", at)
      if isPermanent { json.member("permanent", true) }
    }
  }
}

/// The result of a refresh.
package struct FetchedSession: WireDocument, Hashable, Sendable {
  package var accessKeyID: String
  /// The requested DurationSeconds.
  package var asked: Duration
  package var expiresAt: UTCTime?
  package var expiresIn: Duration

  package init(accessKeyID: String, asked: Duration, expiresAt: UTCTime?, expiresIn: Duration) {
    self.accessKeyID = accessKeyID
    self.asked = asked
    self.expiresAt = expiresAt
    self.expiresIn = expiresIn
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    accessKeyID = try value.text("access_key_id")
    asked = .seconds(try value.integer("duration"))
    expiresAt = try value.optionalTime("expires_at")
    expiresIn = .seconds(try value.integer("expires_in"))
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("access_key_id", accessKeyID)
      json.member("duration", asked)
      json.member("expires_at", expiresAt)
      json.member("expires_in", expiresIn)
    }
  }
}

/// A session that is held beside a role's pool, for readers that requested a longer one.
package struct ReservationStatus: WireDocument, Hashable, Sendable {
  /// The requested DurationSeconds.
  package var duration: Duration
  package var expiresAt: UTCTime?
  package var expiresIn: Duration
  /// The users that it was handed to, in ascending order; at most `mostUIDs`.
  package var uids: [UInt32]

  package static let mostUIDs = 64

  package init(duration: Duration, expiresAt: UTCTime?, expiresIn: Duration, uids: [UInt32]) {
    self.duration = duration
    self.expiresAt = expiresAt
    self.expiresIn = expiresIn
    self.uids = uids
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    duration = .seconds(try value.integer("duration"))
    expiresAt = try value.optionalTime("expires_at")
    expiresIn = .seconds(try value.integer("expires_in"))
    var uids: [UInt32] = []
    try value["uids"]?.forEachItem { (item) throws(WireError) in
      guard let uid = item.int.flatMap({ UInt32(exactly: $0) }) else { throw .malformed("uids") }
      uids.append(uid)
    }
    self.uids = uids
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("duration", duration)
      json.member("expires_at", expiresAt)
      json.member("expires_in", expiresIn)
      json.key("uids")
      json.array { json in for uid in uids { json.integer(Int64(uid)) } }
    }
  }
}

/// The answer to `GET /v1/roles`: the roles this peer may read.
package struct RoleList: WireDocument, Hashable, Sendable {
  package var roles: [RoleStatus]
  /// Whether the peer is an administrator, who gets more from `GET /v1/status`.
  package var isAdmin: Bool
  /// The scopes that this peer may read of roles that it may not read; empty from a daemon that is older than its command line.
  package var scopes: [ScopeStatus]

  package init(_ roles: [RoleStatus], isAdmin: Bool, scopes: [ScopeStatus] = []) {
    self.roles = roles
    self.isAdmin = isAdmin
    self.scopes = scopes
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    roles = try value.list("roles")
    isAdmin = try value.bool("admin")
    scopes = value["scopes"] == nil ? [] : try value.list("scopes")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    write(to: &json) { json in for role in roles { role.write(to: &json) } }
  }

  /// The line in two pieces, with the roles in between, for callers that write these bit by bit.
  package func frame() -> [[UInt8]] {
    var json = JSONWriter([UInt8]())
    var gaps = ListGaps()
    write(to: &json) { gaps.note($0) }
    return gaps.pieces(of: json.finish())
  }

  private func write(to json: inout JSONWriter<[UInt8]>, roles: (inout JSONWriter<[UInt8]>) -> Void) {
    json.object { json in
      json.key("roles")
      json.array(roles)
      json.member("admin", isAdmin)
      if !scopes.isEmpty { json.member("scopes", scopes) }
    }
  }
}
