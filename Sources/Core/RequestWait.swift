/// How long the daemon lets a request wait (`wait=` of its API).
package enum RequestWait {
  package static let longest = Duration.seconds(60)
  /// Of a read with `min_ttl` that doesn't say, since it may take a fetch.
  package static let standard = Duration.seconds(10)
}
