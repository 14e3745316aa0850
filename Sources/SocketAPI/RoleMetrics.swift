import Core
import Refresh
import Settings
import Wire

/// The metrics with samples of every role. All samples of a role are taken at the same time.
struct RoleMetrics {
  private var expiry: MetricText
  private var state: MetricText
  private var notRefreshed: MetricText
  private var success: MetricText
  private var attempt: MetricText
  private var headroom: MetricText
  private var generation: MetricText
  private var attempts: MetricText
  private var handouts: MetricText
  private var derivedSessions = MetricText(
    "rolekeeper_derived_sessions", "gauge",
    "Sessions of scopes, users and shards that are kept; the scope is empty for those with the rights of the role itself."
  )
  private var derivedFetches = MetricText(
    "rolekeeper_derived_fetches_total", "counter",
    "AssumeRole calls for sessions of scopes, users and shards by outcome: Success, or the error's code.")

  var texts: [LongText] {
    [expiry, state, notRefreshed, success, attempt, headroom, generation, attempts, handouts]
      .map(\.text) + [derivedSessions.text, derivedFetches.text]
  }

  /// `count` is the number of roles.
  init(roles count: Int) {
    func metric(_ name: String, _ type: String, _ help: String) -> MetricText {
      MetricText(name, type, help, expecting: count)
    }
    expiry = metric(
      "rolekeeper_credential_seconds_to_expiry", "gauge",
      "Seconds until the session handed out ends; 0 when there is none.")
    state = metric("rolekeeper_role_state", "gauge", "1 for the state that the role is in, as in its status.")
    notRefreshed = MetricText(
      "rolekeeper_role_not_refreshed", "gauge",
      "1 for a role with a credential whose refresh fails in a way that waiting doesn't fix; missing for others.")
    success = metric("rolekeeper_seconds_since_success", "gauge", "Seconds since the last successful AssumeRole.")
    attempt = metric(
      "rolekeeper_seconds_to_next_attempt", "gauge", "Seconds until the next AssumeRole; 0 while one is under way.")
    headroom = metric(
      "rolekeeper_headroom_seconds", "gauge", "Seconds that readers would still get the floor if STS died now.")
    generation = metric("rolekeeper_generation", "gauge", "Number of the rotation.")
    attempts = metric(
      "rolekeeper_attempts_total", "counter", "AssumeRole calls by outcome: Success, or the error's code.")
    handouts = MetricText(
      "rolekeeper_handouts_total", "counter", "Credentials handed out over the socket, by the reader's uid.")
  }

  mutating func add(_ role: ManagedRole, at now: Timestamp) {
    let name = role.name.description
    expiry.add(role: name, max(0, role.current.map { ($0.session.expires - now).inSeconds } ?? 0))
    state.add(role: name, labels: Self.label(role.state(at: now)), 1)
    if role.isValid(at: now), role.machine.failsLastingly(at: now) { notRefreshed.add(role: name, 1) }
    success.add(role: name, orNone: role.machine.lastSuccess.map { (now - $0).inSeconds })
    let isUnderWay = role.machine.attempt != nil
    attempt.add(role: name, isUnderWay ? 0 : max(0, (role.machine.nextAttempt - now).inSeconds))
    headroom.add(role: name, role.machine.headroom(at: now).inSeconds)
    generation.add(role: name, Double(role.generation))
    role.forEachOutcome { code, count in
      attempts.add(role: name, labels: #",code="\#(MetricText.escaped(code))""#, Double(count))
    }
    for line in role.handouts.lines {
      handouts.add(role: name, labels: #",uid="\#(line.uid)""#, Double(line.count))
    }
    addDerived(of: role)
  }

  /// The labels don't grow with the users.
  private mutating func addDerived(of role: ManagedRole) {
    guard let derived = role.settings.derivation.settings else { return }
    let name = role.name.description
    var counts: [RoleName?: Int] = [:]
    for key in role.derivedSessions?.members.keys ?? [:].keys { counts[key.scope, default: 0] += 1 }
    if derived.users != nil || derived.shards != nil {
      derivedSessions.add(role: name, labels: #",scope="""#, Double(counts[nil] ?? 0))
    }
    for scope in derived.scopes {
      derivedSessions.add(role: name, labels: #",scope="\#(scope.name)""#, Double(counts[scope.name] ?? 0))
    }
    role.derivedSessions?.fetches.forEach { code, count in
      derivedFetches.add(role: name, labels: #",code="\#(MetricText.escaped(code))""#, Double(count))
    }
  }

  private static func label(_ state: RoleState) -> String {
    switch state {
    case .waiting: #",state="waiting""#
    case .valid: #",state="valid""#
    case .failing: #",state="failing""#
    case .belowFloor: #",state="below-floor""#
    case .lapsed: #",state="lapsed""#
    }
  }
}

/// The metrics with samples of every role with files.
struct OutputMetrics {
  private var failing = MetricText("rolekeeper_output_failing", "gauge", "1 while a credential file can't be written.")
  private var generation = MetricText(
    "rolekeeper_output_generation", "gauge",
    "Number of the rotation in a credential file; 0 while there is none, missing while it isn't known.")
  private var expiry = MetricText(
    "rolekeeper_output_expires_timestamp_seconds", "gauge",
    "When the credential in a file expires; missing while there is none, or it isn't known.")
  private var drifts = MetricText(
    "rolekeeper_output_drifts_total", "counter", "Times that somebody else changed a role's credential files.")

  var texts: [LongText] { [failing, generation, expiry, drifts].map(\.text) }

  mutating func add(_ figures: OutputFigures) {
    let role = figures.role.description
    for file in figures.files {
      let path = #",path="\#(MetricText.escaped(file.path))""#
      failing.add(role: role, labels: path, file.lastError == nil ? 0 : 1)
      if let number = file.generation ?? (file.content == .none ? 0 : nil) {
        generation.add(role: role, labels: path, Double(number))
      }
      if let end = file.expiresAt { expiry.add(role: role, labels: path, Double(end.seconds)) }
    }
    drifts.add(role: role, Double(figures.drifts))
  }
}
