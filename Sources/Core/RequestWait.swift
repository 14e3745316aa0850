/// How long the daemon lets a request wait (`wait=` of its API).
package enum RequestWait {
  package static let longest = Duration.seconds(60)
  /// The default for a read with `min_ttl`, which may take a fetch.
  package static let standard = Duration.seconds(10)
  /// The default of `rolekeeper get` for any session. A program whose first call fails moves along its chain of sources, and stays
  /// there; with 5 s or more each of its threads would run `get` for itself (alibabacloud_credentials 1.0.12, External).
  package static let ofCommandLine = Duration.seconds(4)
  /// How long a host's request waits for sessions of its shard that are fetched for the first time: less than the host's timeout (10 s unless it is
  /// set), or it would learn nothing of those that are there.
  package static let ofNewShard = Duration.seconds(5)
}
