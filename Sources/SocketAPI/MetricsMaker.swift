import Core
import HTTPServer
import Logs
import Refresh
import Secrets
import Systemd
import Wire

/// The metrics of `GET /metrics`, in Prometheus' text format 0.0.4. The format requires the samples of a metric to be together, so
/// there is a text for each metric with samples of roles, and all of them grow role by role.
final class MetricsMaker: AnswerMaker {
  private unowned let service: SocketService
  private var roles: ArraySlice<ManagedRole>
  private var process: ProcessFigures?
  private var ofRoles: RoleMetrics
  private var ofOutputs = OutputMetrics()
  private var health: Health.Status

  init(_ service: SocketService) {
    self.service = service
    roles = service.refresher.rolesInOrder[...]
    ofRoles = RoleMetrics(roles: roles.count)
    health = roles.isEmpty ? Health([.noRoles()]).status : .ok
  }

  func step() -> Response? {
    // Read before the texts grow, which with many roles would be the largest part of the measured memory.
    guard let process else {
      process = ProcessFigures.read()
      return nil
    }
    // Each step is short: reading the clock would take longer.
    for _ in 0..<8 {
      guard let role = roles.popFirst() else { return response(process) }
      add(role)
    }
    return nil
  }

  private func add(_ role: ManagedRole) {
    let now = service.scheduler.time
    ofRoles.add(role, at: now)
    if let figures = service.backend.outputFigures(of: role) { ofOutputs.add(figures) }
    if health == .failing { return }
    if let reason = service.backend.sessionReason(of: role, at: now) { health = reason.kind.status }
    if health == .ok, !service.backend.outputReasons(of: role).isEmpty { health = .degraded }
  }

  private func response(_ process: ProcessFigures) -> Response {
    let figures = service.backend.figures()
    if health == .ok { health = Health(service.backend.generalReasons()).status }
    var beforeRoles = OtherMetrics()
    beforeRoles.addDaemon(figures)
    var beforeOutputs = OtherMetrics()
    beforeOutputs.addCloud(figures)
    var last = OtherMetrics()
    last.add(
      "rolekeeper_health", "gauge", "0 ok, 1 degraded, 2 a role without a credential, as status --check.",
      [("", health == .ok ? 0 : health == .degraded ? 1 : 2)])
    last.addSocket(service, figures.server, most: figures.mostConnections)
    last.addFleet(service)
    last.addLoopback(service.loopbackFigures)
    last.addUnits(figures.units)
    last.addUnitJobs(figures.unitJobs)
    last.add(process, linesLost: service.log.linesLost)
    let texts = [beforeRoles.text] + ofRoles.texts + [beforeOutputs.text] + ofOutputs.texts + [last.text]
    return LongText.response(texts, type: .metrics)
  }
}

/// The metrics with only a few samples, however many roles there are.
private struct OtherMetrics {
  private(set) var text = LongText()

  mutating func addDaemon(_ daemon: DaemonFigures) {
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

  mutating func addCloud(_ figures: DaemonFigures) {
    add("rolekeeper_sts_rate", "gauge", "AssumeRole calls per second allowed now.", [("", figures.rate)])
    add("rolekeeper_sts_in_flight", "gauge", "AssumeRole calls under way.", [("", Double(figures.inFlight))])
    addSources(figures.sources)
    addEndpoints(figures.endpoints)
    add(
      "rolekeeper_ca_file_error", "gauge",
      "1 while the CA file can't be used and the certificates read before, if any, are in force.",
      [("", figures.isCAFileUsed ? 0 : 1)])
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
      "rolekeeper_source_expires_timestamp_seconds", "gauge",
      "When the temporary credential of each source ends; missing for AccessKeys and while there is none.",
      perSource(\.expiresAt))
    add(
      "rolekeeper_source_error", "gauge", "Whether a source needs a person, by its state; 1 for the state it is in.",
      sources.flatMap { source in
        SourceState.allCases.filter(\.needsAttention).map {
          (#"source="\#(source.name)",state="\#($0.rawValue)""#, source.state == $0 ? 1 : 0)
        }
      })
    addTiers(sources)
  }

  private mutating func addTiers(_ sources: [SourceStatus]) {
    func perTier(_ value: (TierStatus) -> UTCTime?) -> [(String, Double)] {
      sources.compactMap { source in
        source.tier.flatMap(value).map { (#"source="\#(source.name)""#, Double($0.seconds)) }
      }
    }
    func perMachine(_ value: (EndpointStatus) -> Int64) -> [(String, Double)] {
      sources.flatMap { source in
        (source.tier?.urls ?? []).map { (#"source="\#(source.name)",url="\#($0.endpoint)""#, Double(value($0))) }
      }
    }
    add(
      "rolekeeper_tier_bundle_timestamp_seconds", "gauge", "When the latest bundle of each tier came.",
      perTier(\.bundleAt))
    add(
      "rolekeeper_tier_confirmed_timestamp_seconds", "gauge",
      "When a machine of each tier last said that its bundle is the latest.", perTier(\.confirmedAt))
    func perCertificate(ofTier isTier: Bool, _ value: (CertificateStatus) -> Double) -> [(String, Double)] {
      sources.filter { ($0.tier != nil) == isTier }.compactMap { source in
        source.certificate.map { (#"source="\#(source.name)""#, value($0)) }
      }
    }
    add(
      "rolekeeper_tier_certificate_expires_timestamp_seconds", "gauge",
      "When the certificate by which a tier knows this host ends.",
      perCertificate(ofTier: true) { Double($0.validUntil.seconds) })
    add(
      "rolekeeper_source_certificate_expires_timestamp_seconds", "gauge",
      "The same for a source of another type.", perCertificate(ofTier: false) { Double($0.validUntil.seconds) })
    add(
      "rolekeeper_certificate_renewal_due", "gauge",
      "1 while a source's client certificate is in the last fifth of its validity, or has ended.",
      [true, false].flatMap { perCertificate(ofTier: $0) { $0.isRenewalDue ? 1 : 0 } })
    add(
      "rolekeeper_tier_answers_total", "counter", "Bundles that each machine of a tier handed out or confirmed.",
      perMachine(\.answers))
    add(
      "rolekeeper_tier_failures_total", "counter", "Requests for which a machine of a tier gave no bundle.",
      perMachine(\.failures))
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
      perEndpoint(\.failures))
    add(
      "rolekeeper_sts_throttled_total", "counter", "Answers of each STS endpoint that the account's quota is used up.",
      perEndpoint(\.throttled))
    add(
      "rolekeeper_sts_region_rate", "gauge",
      "With several regions, AssumeRole calls per second allowed now in each, by its endpoint.",
      endpoints.compactMap { one in one.region.map { (#"endpoint="\#(one.endpoint)""#, $0.requestsPerSecond) } })
    add(
      "rolekeeper_sts_region_state", "gauge", "With several regions, the state of each; 1 for the state it is in.",
      endpoints.flatMap { one in
        one.region.map { region in
          RegionStatus.Condition.allCases.map {
            (#"endpoint="\#(one.endpoint)",state="\#($0.rawValue)""#, region.condition == $0 ? 1 : 0)
          }
        } ?? []
      })
  }

  mutating func addSocket(_ service: SocketService, _ server: ServerStatistics, most: Int) {
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
    add(
      "rolekeeper_connections_limit", "gauge", "How many may be open, besides 16 for administrators.",
      [("", Double(most))])
    add("rolekeeper_connections_total", "counter", "Connections accepted.", [("", Double(server.accepted))])
  }

  /// Numbers alone: a label for each host would make more of them than all others together.
  mutating func addFleet(_ service: SocketService) {
    let bundles = service.access.proxyUID == nil ? nil : service.bundles
    let hosts = bundles?.recentHosts
    add(
      "rolekeeper_fleet_hosts", "gauge",
      "Other hosts, by their certificates, that asked in the last 10 minutes, by whether a role is open to them.",
      hosts.map { [(#"state="served""#, Double($0.served)), (#"state="refused""#, Double($0.refused))] } ?? [])
    add(
      "rolekeeper_fleet_waiting", "gauge", "Requests of other hosts that wait for news.",
      bundles.map { [("", Double($0.waitingHosts))] } ?? [])
    add(
      "rolekeeper_fleet_answers_total", "counter", "Answers to other hosts' requests for their bundles, by result.",
      bundles.map { bundles in
        FleetFigures.Result.allCases.map {
          (#"result="\#($0.rawValue)""#, Double(bundles.figures.answers[$0, default: 0]))
        }
      } ?? [])
    add(
      "rolekeeper_fleet_refusals_total", "counter",
      "Requests of other hosts, or about them, that were refused, by reason.",
      bundles.map { bundles in
        FleetFigures.Refusal.allCases.map {
          (#"reason="\#($0.rawValue)""#, Double(bundles.figures.refusals[$0, default: 0]))
        }
      } ?? [])
    add(
      "rolekeeper_fleet_proxy_seen_timestamp_seconds", "gauge",
      "When the latest request of the proxy came; missing until there was one.",
      bundles?.figures.proxySeen.map { [("", Double(service.refresher.clock.calendar(at: $0).seconds))] } ?? [])
  }

  mutating func addLoopback(_ figures: LoopbackFigures) {
    add(
      "rolekeeper_loopback_requests_total", "counter",
      "Requests at the loopback URI, without those that are answered to nobody.", [("", Double(figures.requests))])
    add(
      "rolekeeper_loopback_refusals_total", "counter",
      "Requests and connections refused at the loopback URI, by reason.",
      LoopbackFigures.Reason.allCases.map { (#"reason="\#($0.rawValue)""#, Double(figures.refusals[$0, default: 0])) })
  }

  mutating func addUnits(_ units: UnitFigures) {
    add(
      "rolekeeper_unit_credentials_total", "counter", "Credentials handed out by LoadCredential= of other units.",
      units.handouts.sorted { $0.key < $1.key }.map { (#"role="\#($0.key)""#, Double($0.value)) })
    add(
      "rolekeeper_unit_refusals_total", "counter", "Credentials refused to other units, by reason.",
      UnitFigures.Refusal.allCases.map { (#"reason="\#($0.rawValue)""#, Double(units.refusals[$0, default: 0])) })
    add(
      "rolekeeper_unit_requests_waiting", "gauge", "Other units whose start waits for a credential.",
      [("", Double(units.waiting))])
  }

  mutating func addUnitJobs(_ jobs: UnitJobFigures) {
    add(
      "rolekeeper_unit_jobs_total", "counter", "Attempts to reload a unit for a new credential, by result.",
      UnitResult.allCases.map { (#"result="\#($0.rawValue)""#, Double(jobs.results[$0, default: 0])) })
    add(
      "rolekeeper_unit_jobs_pending", "gauge", "Units that are being reloaded for a new credential, or are to be.",
      [("", Double(jobs.pending))])
  }

  mutating func add(_ figures: ProcessFigures, linesLost: Int) {
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

  mutating func add(_ name: String, _ type: String, _ help: String, _ samples: [(labels: String, value: Double)]) {
    var metric = MetricText(name, type, help)
    for (labels, value) in samples {
      if labels.isEmpty { metric.add(value) } else { metric.add(labels: labels, value) }
    }
    text.append(metric.text)
  }
}
