package import Core
package import HTTPServer
package import Wire

/// The metrics that don't belong to a role.
package struct DaemonFigures {
  let started: UTCTime
  /// By the host's clock.
  let now: UTCTime
  /// The server's clock minus the host's; nil until STS has answered.
  let clockOffset: Duration?
  let reloads: ReloadCounts
  /// AssumeRole calls per second allowed now.
  let rate: Double
  let inFlight: Int
  let sources: [SourceStatus]
  let endpoints: [EndpointStatus]
  let isCAFileUsed: Bool
  let server: ServerStatistics
  /// The limit on connections in force, without those for administrators.
  let mostConnections: Int
  let units: UnitFigures
  let unitJobs: UnitJobFigures

  package init(
    started: UTCTime, now: UTCTime, clockOffset: Duration?, reloads: ReloadCounts, rate: Double, inFlight: Int,
    sources: [SourceStatus], endpoints: [EndpointStatus], isCAFileUsed: Bool, server: ServerStatistics,
    mostConnections: Int = 0, units: UnitFigures = UnitFigures(), unitJobs: UnitJobFigures = UnitJobFigures()
  ) {
    self.started = started
    self.now = now
    self.clockOffset = clockOffset
    self.reloads = reloads
    self.rate = rate
    self.inFlight = inFlight
    self.sources = sources
    self.endpoints = endpoints
    self.isCAFileUsed = isCAFileUsed
    self.server = server
    self.mostConnections = mostConnections
    self.units = units
    self.unitJobs = unitJobs
  }
}
