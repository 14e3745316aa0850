extension VODSettings {
  private static let keys = [
    "endpoint", "with_scheme", "upload_lifetime", "with_expire_utc_time", "with_region", "repeated_reference",
    "count_bytes", "permission_error", "template_groups", "storage_locations", "notice_delay", "processing_time",
    "calls_per_second",
  ]

  /// Reads the table `[vod]`; `sts-emulator --help` has all of it.
  init(_ table: TOMLTable) throws(AccountModelError) {
    self.init()
    try table.allow(Self.keys)
    endpoint = try table.string("endpoint")
    withScheme = try table.boolean("with_scheme") ?? withScheme
    withExpireUTCTime = try table.boolean("with_expire_utc_time") ?? withExpireUTCTime
    withRegion = try table.boolean("with_region") ?? withRegion
    countsBytes = try table.boolean("count_bytes") ?? countsBytes
    permissionError = try table.string("permission_error") ?? permissionError
    templateGroups = try table.strings("template_groups")
    storageLocations = try table.strings("storage_locations")
    noticeSeconds = try table.seconds("notice_delay") ?? noticeSeconds
    processingSeconds = try table.seconds("processing_time") ?? processingSeconds
    if let lifetime = try table.seconds("upload_lifetime") {
      guard lifetime > 0 else { throw table.error("'upload_lifetime' is at least 1s") }
      uploadLifetimeSeconds = Int(lifetime)
    }
    repeatedReference = try table.word("repeated_reference") ?? repeatedReference
    try readRates(table)
  }

  private mutating func readRates(_ table: TOMLTable) throws(AccountModelError) {
    guard let rates = try table.table("calls_per_second") else { return }
    let names = VODOperation.allCases.map(\.rawValue)
    try rates.allow(names)
    for name in names {
      guard let rate = try rates.integer(name) else { continue }
      guard (1...1_000_000).contains(rate) else { throw rates.error("'\(name)' is 1 to 1000000 calls a second") }
      callsPerSecond[name] = Int(rate)
    }
  }
}
