import Core

/// The keys of type `upstream`: machines that hold the AccessKeys (a tier) hand out the sessions of this host's roles.
package struct UpstreamSettings: Hashable, Sendable {
  /// What happens while the tier is away: roles with an ARN fetch from STS by themselves.
  package struct Fallback: Hashable, Sendable {
    /// The source whose AccessKey signs.
    package var source: String
    /// For all roles of the upstream together.
    package var requestsPerSecond: Double

    package init(source: String, requestsPerSecond: Double) {
      (self.source, self.requestsPerSecond) = (source, requestsPerSecond)
    }
  }

  /// `https://HOST[:PORT]` each, in the order in which they are tried.
  package var urls: [String]
  /// Nil for the system's certificates.
  package var caFile: String?
  /// By which this host identifies itself, with its key.
  package var certificate: String
  package var key: String
  /// Nil if roles have what the tier gives and nothing else.
  package var fallback: Fallback?

  package init(urls: [String], caFile: String?, certificate: String, key: String, fallback: Fallback? = nil) {
    (self.urls, self.caFile, self.certificate, self.key, self.fallback) = (urls, caFile, certificate, key, fallback)
  }

  /// What is read.
  var files: [String] { [caFile, certificate, key].compactMap(\.self) }
}

/// A role whose sessions come from a tier.
package struct TierRole: Hashable, Sendable {
  /// How the role is fetched from STS while the tier is away.
  package struct DirectRequest: Hashable, Sendable {
    /// The source that signs, in place of the role's.
    package var source: String
    /// The DurationSeconds to request.
    package var duration: Duration

    package init(source: String, duration: Duration) { (self.source, self.duration) = (source, duration) }
  }

  /// Nil if it isn't.
  package var fallback: DirectRequest?

  package init(fallback: DirectRequest? = nil) { self.fallback = fallback }

  /// How long a bundle may be the latest one, unless the tier says otherwise.
  package static let standardRefresh = Duration.minutes(10)

  /// The timing of such a role. The tier keeps the pool, and decides how long sessions last and when there is a new one: there is one session, of
  /// whatever duration.
  static func timing(floor: Duration, surviveOutage: Duration, lapseMargin: Duration) -> RoleTiming {
    var timing = RoleTiming(
      duration: RoleTiming.allowedDuration.upperBound, pool: 1, refreshAfter: standardRefresh, floor: floor,
      surviveOutage: surviveOutage, lapseMargin: lapseMargin)
    timing.isOfTier = true
    return timing
  }
}
