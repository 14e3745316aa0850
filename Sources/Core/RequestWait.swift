/// How long the daemon lets a request wait (`wait=` of its API).
package enum RequestWait {
  package static let longest = Duration.seconds(60)
  /// The default for a read with `min_ttl`, which may take a fetch.
  package static let standard = Duration.seconds(10)
}
