package import Core

/// The time of a service, by the `Date` of its answers; before the first answer, this host's time.
///
/// Every answer over verified TLS counts. A signature whose date is 15 minutes wrong is refused, and the service that
/// issued a credential decides when it has expired.
package struct ServerTime {
  /// The service's time, in µs since 1970, when the clock since boot was zero.
  private var offset: Int64
  /// Whether this is this host's time again, after a valid session seemed to have expired.
  package private(set) var isInDoubt = false

  package init(wallMicroseconds: Int64, at instant: Timestamp) { offset = wallMicroseconds - instant.microseconds }

  package func now(at instant: Timestamp) -> UTCTime {
    UTCTime(seconds: (offset + instant.microseconds) / 1_000_000)
  }

  /// Goes back to this host's time, in doubt, until the service answers again.
  package mutating func forget(wallMicroseconds: Int64, at instant: Timestamp) {
    self = ServerTime(wallMicroseconds: wallMicroseconds, at: instant)
    isInDoubt = true
  }

  /// Records the `Date` of an answer that came at `instant`; a missing or malformed one changes nothing.
  package mutating func observe(_ date: String?, at instant: Timestamp) {
    guard let date = date.flatMap({ UTCTime(httpDate: $0) }) else { return }
    offset = date.seconds * 1_000_000 - instant.microseconds
    isInDoubt = false
  }
}
