import Core

/// Reads `[roles.NAME]` of a role whose source is an upstream: the tier has the role's ARN, its times and its policy.
extension RoleReader {
  private typealias Keys = Schema.Role

  /// Nil if an error was reported.
  func tierRole(of source: String, _ fallback: TierFallback, outputs: OutputReader) -> RoleSettings? {
    var (isDirect, mayAskSTS) = (false, false)
    var signer: String?
    switch fallback {
    case .none: break
    case .direct(let source): (isDirect, mayAskSTS, signer) = (true, true, source)
    case .unknown: mayAskSTS = true
    }
    let isSound = reportForeignKeys(of: source, mayAskSTS: mayAskSTS)
    if isDirect, !table.isWritten(Keys.arn) {
      table.reportMissing(Keys.arn, because: "[source.\(source)] has fallback = \"direct\"")
    }
    let arn = table.isWritten(Keys.arn) ? RoleARN.read(table, Keys.arn) : nil
    let duration = table.duration(Keys.duration)
    let template = sessionName(pool: 1)
    let policy = policy()
    let externalID = externalID()
    let floor = table.duration(Keys.floor)
    let surviveOutage = table.duration(Keys.surviveOutage)
    let lapseMargin = table.duration(Keys.lapseMargin)
    let isRequired = isRequired()
    let readers = readers(isPerUser: false)
    if !readers.hosts.isEmpty {
      table.context.refusedHosts = true
      table.findings.error(
        table.place(of: Keys.allow), "names hosts, and source '\(source)' is a tier",
        "remove hosts from it, and have those hosts ask the tier themselves")
    }
    let refreshUnits = table.servicePatterns(Keys.refreshUnits)
    let files = outputs.read(table.tables(Keys.files, Schema.Output.table), of: name)
    guard isSound, let duration, let template, let floor, let surviveOutage, let lapseMargin, let isRequired else {
      return nil
    }
    if isDirect, arn == nil || signer == nil { return nil }
    var role = RoleSettings(
      name: name, arn: arn,
      timing: TierRole.timing(floor: floor, surviveOutage: surviveOutage, lapseMargin: lapseMargin),
      sessionName: template, policy: policy, externalID: externalID, source: source, isRequired: isRequired,
      readers: readers, outputs: files, refreshUnits: refreshUnits)
    role.tier = TierRole(fallback: signer.map { TierRole.DirectRequest(source: $0, duration: duration) })
    return role
  }

  /// Reports the keys that the tier decides about; false if there are any. With `mayAskSTS`, what a request to STS needs isn't
  /// among them.
  private func reportForeignKeys(of source: String, mayAskSTS: Bool) -> Bool {
    let ofRequests: [any SettingKey] = [Keys.arn, Keys.sessionName, Keys.duration, Keys.policyFile, Keys.externalID]
    let ofTier: [any SettingKey] = [Keys.maxDuration, Keys.pool, Keys.refreshAfter]
    var hasForeign = false
    for key in (mayAskSTS ? [] : ofRequests) + ofTier where table.isWritten(key) {
      let others =
        mayAskSTS || ofTier.contains { $0.name == key.name }
        ? "" : ", or write fallback = \"direct\" in [source.\(source)]"
      table.findings.error(
        table.place(of: key), "is written, and source '\(source)' is a tier, which decides about it",
        "remove the line\(others)")
      hasForeign = true
    }
    let ofUsers: [any SettingKey] =
      [Keys.sessionPer, Keys.maxUsers, Keys.sourceIdentity, Keys.shards, Keys.idle, Keys.scopes]
    for key in ofUsers where table.isWritten(key) {
      if key.name == Keys.sessionPer.name, table.choice(Keys.sessionPer) == "role" { continue }
      table.findings.error(
        table.place(of: key),
        "is written, and source '\(source)' is a tier, whose sessions are the same for all users and tasks",
        "remove it, or give the role a source that signs")
      hasForeign = true
    }
    return !hasForeign
  }
}
