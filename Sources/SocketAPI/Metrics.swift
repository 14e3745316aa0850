package import Core
package import HTTPServer
import Logs
package import Refresh
import Secrets
package import Wire

/// The figures of `GET /metrics`, in Prometheus' text format 0.0.4.
package struct Metrics {
  private var text = ""

  /// Renders everything as it is at `now`.
  package static func render(
    roles: [KeptRole], at now: Timestamp, rate: Double, inFlight: Int, sources: [SourceStatus],
    endpoints: [EndpointStatus], service: SocketService, server: ServerStatistics, daemon: DaemonFigures,
    isCAFileUsed: Bool, outputs: [OutputFigures], health: Health.Status
  ) -> String {
    // Before the text grows, which with many roles would be the largest part of what it tells of.
    let process = ProcessFigures.read()
    var metrics = Metrics()
    metrics.add(daemon)
    metrics.addRoles(roles.sorted { $0.name < $1.name }, now)
    metrics.add("rolekeeper_sts_rate", "gauge", "AssumeRole calls per second allowed now.", [("", rate)])
    metrics.add("rolekeeper_sts_in_flight", "gauge", "AssumeRole calls under way.", [("", Double(inFlight))])
    metrics.addSources(sources)
    metrics.addEndpoints(endpoints)
    metrics.add(
      "rolekeeper_ca_file_error", "gauge",
      "1 while the CA file can't be used and the certificates read before are in force.",
      [("", isCAFileUsed ? 0 : 1)])
    metrics.addOutputs(outputs)
    metrics.add(
      "rolekeeper_health", "gauge", "0 ok, 1 degraded, 2 no role or a role without a credential, as status --check.",
      [("", health == .ok ? 0 : health == .degraded ? 1 : 2)])
    metrics.addSocket(service, server)
    metrics.add(process, linesLost: service.log.linesLost)
    return metrics.text
  }

  /// What is said of the daemon as a whole.
  package struct DaemonFigures {
    let started: UTCTime
    /// By the host's clock.
    let now: UTCTime
    /// The server's clock minus the host's; nil until STS has answered.
    let clockOffset: Duration?
    let reloads: ReloadCounts

    package init(started: UTCTime, now: UTCTime, clockOffset: Duration?, reloads: ReloadCounts) {
      self.started = started
      self.now = now
      self.clockOffset = clockOffset
      self.reloads = reloads
    }
  }

  private mutating func add(_ daemon: DaemonFigures) {
    add(
      "rolekeeper_build_info", "gauge", "Always 1; the version is the label.",
      [(#"version="\#(Version.number)""#, 1)])
    add(
      "rolekeeper_start_time_seconds", "gauge", "When the daemon started, in seconds since 1970 by this host's clock.",
      [("", Double(daemon.started.seconds))])
    add(
      "rolekeeper_time_seconds", "gauge",
      "When these figures were taken, in seconds since 1970 by this host's clock; it stands still in a stale copy of them.",
      [("", Double(daemon.now.seconds))])
    add(
      "rolekeeper_clock_offset_seconds", "gauge",
      "The server's clock minus this host's, to half a second; missing until STS has answered.",
      daemon.clockOffset.map { [("", $0.inSeconds)] } ?? [])
    add(
      "rolekeeper_reloads_total", "counter", "Reloads of the settings by outcome.",
      [(#"outcome="done""#, Double(daemon.reloads.done)), (#"outcome="refused""#, Double(daemon.reloads.refused))])
  }

  private mutating func addRoles(_ roles: [KeptRole], _ now: Timestamp) {
    let labels = roles.map { #"role="\#($0.name)""# }
    func perRole(_ value: (KeptRole) -> Double?) -> [(String, Double)] {
      zip(labels, roles).compactMap { label, role in value(role).map { (label, $0) } }
    }
    add(
      "rolekeeper_credential_seconds_to_expiry", "gauge",
      "Seconds until the session handed out ends; 0 when there is none.",
      perRole { max(0, $0.current.map { ($0.session.expires - now).inSeconds } ?? 0) })
    add(
      "rolekeeper_role_state", "gauge", "1 for the state that the role is in, as in its status.",
      zip(labels, roles).map { label, role in ("\(label),state=\"\(role.state(at: now).rawValue)\"", 1) })
    add(
      "rolekeeper_role_not_refreshed", "gauge",
      "1 for a role with a credential whose refresh fails in a way that waiting doesn't fix; missing for others.",
      perRole { $0.isValid(at: now) && $0.machine.failsLastingly(at: now) ? 1 : nil })
    add(
      "rolekeeper_seconds_since_success", "gauge", "Seconds since the last successful AssumeRole.",
      perRole { $0.machine.lastSuccess.map { (now - $0).inSeconds } })
    add(
      "rolekeeper_seconds_to_next_attempt", "gauge", "Seconds until the next AssumeRole; 0 while one is under way.",
      perRole { $0.machine.attempt != nil ? 0 : max(0, ($0.machine.nextAttempt - now).inSeconds) })
    add(
      "rolekeeper_headroom_seconds", "gauge", "Seconds that readers would still get the floor if STS died now.",
      perRole { $0.machine.headroom(at: now).inSeconds })
    add("rolekeeper_generation", "gauge", "Number of the rotation.", perRole { Double($0.generation) })
    add(
      "rolekeeper_attempts_total", "counter", "AssumeRole calls by outcome: Success, or the error's code.",
      roles.flatMap { role in
        role.outcomes.sorted { $0.key < $1.key }.map {
          (#"role="\#(role.name)",code="\#(Self.escaped($0.key))""#, Double($0.value))
        }
      })
    add(
      "rolekeeper_handouts_total", "counter", "Credentials handed out over the socket, by the reader's uid.",
      roles.flatMap { role in
        role.handouts.lines.sorted { $0.key < $1.key }
          .map { (#"role="\#(role.name)",uid="\#($0.key)""#, Double($0.value.count)) }
      })
  }

  private mutating func addSources(_ sources: [SourceStatus]) {
    func perSource(_ value: (SourceStatus) -> UTCTime?) -> [(String, Double)] {
      sources.compactMap { source in value(source).map { (#"source="\#(source.name)""#, Double($0.seconds)) } }
    }
    add(
      "rolekeeper_source_in_use_since_timestamp_seconds", "gauge", "Since when the AccessKey of each source signs.",
      perSource(\.inUseSince))
    add(
      "rolekeeper_source_proven_timestamp_seconds", "gauge",
      "When STS first accepted the AccessKey of each source; missing until then.", perSource(\.provenAt))
    add(
      "rolekeeper_source_last_accepted_timestamp_seconds", "gauge",
      "When AssumeRole last gave a session to the AccessKey of each source; missing until then.",
      perSource(\.lastAcceptedAt))
    add(
      "rolekeeper_source_error", "gauge", "Whether a source needs a person, by its state; 1 for the state it is in.",
      sources.flatMap { source in
        SourceState.allCases.filter(\.needsAttention).map {
          (#"source="\#(source.name)",state="\#($0.rawValue)""#, source.state == $0 ? 1 : 0)
        }
      })
  }

  private mutating func addOutputs(_ roles: [OutputFigures]) {
    let files = roles.flatMap { role in
      role.files.map { (#"role="\#(role.role)",path="\#(Self.escaped($0.path))""#, $0) }
    }
    add(
      "rolekeeper_output_failing", "gauge", "1 while a credential file can't be written.",
      files.map { ($0, $1.lastError == nil ? 0 : 1) })
    add(
      "rolekeeper_output_generation", "gauge",
      "Number of the rotation in a credential file; 0 while there is none, missing while it isn't known.",
      files.compactMap { labels, file in
        (file.generation ?? (file.content == .none ? 0 : nil)).map { (labels, Double($0)) }
      })
    add(
      "rolekeeper_output_expires_timestamp_seconds", "gauge",
      "When the credential in a file expires; missing while there is none, or it isn't known.",
      files.compactMap { labels, file in file.expiresAt.map { (labels, Double($0.seconds)) } })
    add(
      "rolekeeper_output_drifts_total", "counter", "Times that somebody else changed a role's credential files.",
      roles.map { (#"role="\#($0.role)""#, Double($0.drifts)) })
  }

  private mutating func addEndpoints(_ endpoints: [EndpointStatus]) {
    func perEndpoint(_ value: (EndpointStatus) -> Int64) -> [(String, Double)] {
      endpoints.map { (#"endpoint="\#($0.endpoint)""#, Double(value($0))) }
    }
    add(
      "rolekeeper_sts_answers_total", "counter", "HTTP answers of each STS endpoint, good or bad.",
      perEndpoint(\.answers))
    add(
      "rolekeeper_sts_unanswered_total", "counter", "Requests that an STS endpoint gave no HTTP answer to.",
      perEndpoint(\.misses))
  }

  private mutating func addSocket(_ service: SocketService, _ server: ServerStatistics) {
    add(
      "rolekeeper_below_floor_answers_total", "counter", "Credentials handed out with less than the floor left.",
      [("", Double(service.belowFloorAnswers))])
    add(
      "rolekeeper_reservations_total", "counter", "Reads with min_ttl that took more than the pool has, by outcome.",
      ReservationOutcome.allCases.map { (#"outcome="\#($0.rawValue)""#, Double(service.reservations[$0, default: 0])) })
    add("rolekeeper_requests_total", "counter", "Requests read from the socket.", [("", Double(server.requests))])
    add(
      "rolekeeper_refusals_total", "counter", "Requests and connections refused, by reason.",
      [(#"reason="not_allowed""#, Double(service.refusals))]
        + ServerStatistics.Refusal.allCases.map { (#"reason="\#($0.rawValue)""#, Double(server.refused($0))) })
    add("rolekeeper_connections", "gauge", "Connections open.", [("", Double(server.open))])
    add("rolekeeper_connections_total", "counter", "Connections accepted.", [("", Double(server.accepted))])
  }

  private mutating func add(_ figures: ProcessFigures, linesLost: Int) {
    add("rolekeeper_memory_anonymous_bytes", "gauge", "Memory of our own.", [("", Double(figures.anonymous))])
    add(
      "rolekeeper_memory_resident_bytes", "gauge", "Resident memory, libraries included.",
      [("", Double(figures.resident))])
    add(
      "rolekeeper_log_lines_lost_total", "counter", "Log lines that nobody took.", [("", Double(linesLost))])
    let secrets = SecretMemory.figures
    add(
      "rolekeeper_secrets_locked_bytes", "gauge", "Memory for secrets that is never swapped out.",
      [("", Double(secrets.locked))])
    add(
      "rolekeeper_secrets_unlocked_bytes", "gauge", "Memory for secrets that RLIMIT_MEMLOCK doesn't let be locked.",
      [("", Double(secrets.unlocked))])
    add("rolekeeper_descriptors", "gauge", "Open descriptors.", [("", Double(figures.descriptors))])
  }

  private mutating func add(
    _ name: String, _ type: String, _ help: String, _ samples: [(labels: String, value: Double)]
  ) {
    text += "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    for (labels, value) in samples {
      // Piece by piece: with thousands of roles, lines put together first take twice the time, and the loop waits.
      text += name
      if !labels.isEmpty {
        text += "{"
        text += labels
        text += "}"
      }
      text += " "
      text += Self.number(value)
      text += "\n"
    }
  }

  /// A code may come from outside; role names and numbers need no escapes.
  private static func escaped(_ value: String) -> String {
    guard value.utf8.contains(where: { $0 == 0x22 || $0 == 0x5C || $0 == 0x0A }) else { return value }
    return escapedByCharacter(value)
  }

  private static func escapedByCharacter(_ value: String) -> String {
    String(value.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : $0 == "\n" ? ["\\", "n"] : [$0] })
  }

  /// Whole numbers without a point, others to the millisecond.
  private static func number(_ value: Double) -> String {
    let rounded = (value * 1000).rounded() / 1000
    return rounded == rounded.rounded() && abs(rounded) < 1e15 ? String(Int64(rounded)) : String(rounded)
  }
}
