package import Core

/// The time of a service by the `Date` of its answers; this host's until one has come.
///
/// Every answer over verified TLS counts: a signature is refused that is 15 minutes off, and a credential's end is judged by the service that
/// issued it.
package struct ServerTime {
  /// Its time in µs since 1970 when the clock since boot read zero.
  private var offset: Int64

  package init(wallMicroseconds: Int64, at instant: Timestamp) { offset = wallMicroseconds - instant.microseconds }

  package func now(at instant: Timestamp) -> UTCTime {
    UTCTime(seconds: (offset + instant.microseconds) / 1_000_000)
  }

  /// Takes the `Date` of an answer that came at `instant`; one that is missing or doesn't read changes nothing.
  package mutating func observe(_ date: String?, at instant: Timestamp) {
    guard let date = date.flatMap({ UTCTime(httpDate: $0) }) else { return }
    offset = date.seconds * 1_000_000 - instant.microseconds
  }
}
