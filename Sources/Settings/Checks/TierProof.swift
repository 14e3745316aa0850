import Core

/// Checks the floors of roles whose sessions come from a tier, as far as that is possible without asking it: some session must be able to hold
/// them, and so must those that STS issues while the tier is away.
///
/// | which sessions | what has to be true |
/// |---|---|
/// | the tier's | floor + survive_outage and what the way costs (`HostStage`) are no more than the longest session that STS issues |
/// | STS's, which are replaced at half of `duration` | that half outlasts the floor, the retries and the queue of all roles |
/// | the first of STS's, fetched with a quarter of `survive_outage` left at the least | that quarter outlasts the queue of all roles |
struct TierProof {
  let sources: [SourceSettings]
  let roles: [RoleSettings]
  let sts: STSSettings
  let context: LoadContext
  /// Where each role is.
  let places: [RoleName: Place]

  private typealias Keys = Schema.Role

  func check() {
    for source in sources {
      guard let upstream = source.upstream else { continue }
      let own = roles.filter { $0.source == source.name }
      let stage = HostStage(
        refresh: RoleTiming.hostInterval.lowerBound * 9 / 10, machines: upstream.urls.count,
        timeout: sts.timeout(ofPlaces: 1))
      for role in own { prove(role.timing, of: role, on: stage) }
      guard let fallback = upstream.fallback else { continue }
      let queue = Duration.seconds(fraction: Double(own.count) / fallback.requestsPerSecond)
      for role in own { proveFallback(of: role, queue: queue, fallback, count: own.count) }
      proveQueue(queue, fallback, of: own, source)
    }
  }

  // MARK: - The tier's sessions

  private func prove(_ timing: RoleTiming, of role: RoleSettings, on stage: HostStage) {
    let longest = RoleTiming.allowedDuration.upperBound
    guard stage.neededLife(for: timing) > longest else { return }
    let left = longest - stage.refresh - stage.recovery
    let ways = [
      proposal(Keys.floor, left - timing.surviveOutage), proposal(Keys.surviveOutage, left - timing.floor),
    ].compactMap(\.self)
    report(
      role,
      "can't hold its floor whatever the tier has: floor \(timing.floor.text) + survive_outage \(timing.surviveOutage.text) + \(stage.refresh.text) until the next bundle + \(stage.recovery.text) for retries are more than \(longest.text), the longest that a session lives",
      ways.isEmpty
        ? "remove floor and survive_outage: their defaults can be held" : "write \(ways.joined(separator: ", or "))")
  }

  // MARK: - STS's sessions

  private var retries: Duration {
    RoleTiming.outageOverhead + max(.zero, sts.wholeTimeout - Schema.STS.standardTimeout)
  }

  private func proveFallback(
    of role: RoleSettings, queue: Duration, _ fallback: UpstreamSettings.Fallback, count: Int
  ) {
    guard let duration = role.tier?.fallback?.duration else { return }
    let cost = retries + queue
    let needed = role.timing.floor + cost
    guard duration / 2 < needed else { return }
    let longer = Duration.minutes((needed * 2).wholeSeconds / 60 + 1)
    let ways = [
      longer <= RoleTiming.allowedDuration.upperBound ? proposal(Keys.duration, longer) : nil,
      proposal(Keys.floor, duration / 2 - cost),
    ].compactMap(\.self)
    report(
      role,
      "can't hold its floor by its fallback: a session from STS is replaced at half of duration \(duration.text), and then floor \(role.timing.floor.text) + \(retries.text) for retries + \(queue.text) for the \(Self.requests(count)) at \(fallback.requestsPerSecond.plain) per second are needed",
      ways.isEmpty ? "write a higher fallback_requests_per_second" : "write \(ways.joined(separator: ", or "))")
  }

  /// The other part of the time that a host has without its tier is spread over its roles' first requests (`TierIssuer`).
  private func proveQueue(
    _ queue: Duration, _ fallback: UpstreamSettings.Fallback, of own: [RoleSettings], _ source: SourceSettings
  ) {
    guard let role = own.min(by: { $0.timing.surviveOutage < $1.timing.surviveOutage }) else { return }
    let left = role.timing.surviveOutage / 4 + .seconds(5)
    guard queue > left else { return }
    let rate = (Double(own.count) / left.inSeconds * 100).rounded(.up) / 100
    let outage = (queue - .seconds(5)) * 4
    let ways = [
      rate <= Schema.Source.fallbackRate.allowed.upperBound
        ? "\(Schema.Source.fallbackRate.name) = \(rate.plain)" : nil,
      outage <= Keys.surviveOutage.allowed.upperBound
        ? "survive_outage = \"\(Duration.seconds(outage.wholeSeconds + 1).text)\" or more in the roles" : nil,
    ].compactMap(\.self)
    context.findings.error(
      context.sourcePlaces[source.name] ?? Place(file: "", key: "source.\(source.name)"),
      "is \(fallback.requestsPerSecond.plain), so that the \(Self.requests(own.count)) take \(queue.text), and survive_outage \(role.timing.surviveOutage.text) of role '\(role.name)' leaves \(left.text) for them",
      ways.isEmpty ? "give the host fewer roles" : "write \(ways.joined(separator: ", or "))")
  }

  // MARK: - Sentences

  private static func requests(_ count: Int) -> String {
    count == 1 ? "request of one role" : "requests of \(count) roles"
  }

  private func proposal(_ key: DurationKey, _ value: Duration) -> String? {
    value < .zero ? nil : "\(key.name) = \"\(value.roundedDown.text)\""
  }

  private func report(_ role: RoleSettings, _ problem: String, _ remedy: String) {
    context.findings.error(
      places[role.name] ?? Place(file: "", key: "roles.\(role.name)"), problem, remedy)
  }
}
