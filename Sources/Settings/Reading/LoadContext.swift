import Core

/// What the readers of one run of the loader share.
final class LoadContext {
  let host: any Host
  /// Nil in the daemon itself.
  let check: CheckScope?
  /// The unit that runs or will run the daemon; nil if none is known.
  let unit: InstalledUnit?
  /// Whether a CA file that can't be used is left for others to report.
  let mayLackAuthorities: Bool
  let findings: Findings
  let principals: Principals
  let trust: PathTrust
  let policies: PolicyFiles
  let templates: TemplateFiles
  let reach = SocketReach()
  /// The settings files read so far, without the policies and the templates.
  var files = SettingsContent()
  /// All files read so far that belong to the settings.
  var content: SettingsContent {
    SettingsContent(files: files.files + policies.files + templates.files, directories: files.directories)
  }
  /// The timing of each role whose times are valid, whatever else is wrong with the role.
  var timings: [RoleTiming] = []
  /// AssumeRole calls per second for as many derived sessions as there may be, of all roles without an error.
  var derivedCallsPerSecond = 0.0
  /// The paths of settings files and of files that the settings name.
  var filesRead: Set<String> = []
  /// Where a role first names units that may read it; nil for nowhere.
  var unitsPlace: Place?
  /// Where a role first names hosts that may read it; nil for nowhere.
  var hostsPlace: Place?
  /// Whether a role that comes from a tier names hosts, which was reported.
  var refusedHosts = false
  /// Where a role's file is first given to another user or group than the daemon's; nil for nowhere.
  var givenFilePlace: Place?
  /// The roles that nobody may read, and where that is.
  var unreadRoles: [(name: RoleName, place: Place)] = []
  /// Where a role is first required; nil for nowhere.
  var requiredPlace: Place?
  /// Where a role first names units to be reloaded; nil for nowhere.
  var refreshUnitsPlace: Place?
  /// The roles that a source names: their sessions sign for other roles.
  var lendingRoles: Set<RoleName> = []
  /// The names of the sources whose credential is a session.
  var chainingSources: Set<String> = []
  /// The sources with an AccessKey, whatever else is wrong with them, in the order of the file.
  var accessKeySources: [String] = []
  /// The sources whose type is missing or isn't one, which was reported.
  var sourcesOfNoType: Set<String> = []
  /// By the name of each source of type `upstream`, with errors or without: the source that signs while the tier is away.
  var upstreams: [String: TierFallback] = [:]
  /// Where each source names what it depends on; of an upstream, the rate of its fallback.
  var sourcePlaces: [String: Place] = [:]
  /// Where each role has `external_id` and `source_identity`.
  var parametersOfSignature: [RoleName: [(key: String, place: Place)]] = [:]
  /// What many roles have in common is kept once.
  private var sessionNames: [String: SessionNameTemplate] = [:]
  private var rules: Set<AccessRule> = []

  init(
    host: any Host, check: CheckScope? = nil, runningUnit: InstalledUnit? = nil, staysUp: Bool = false,
    mayLackAuthorities: Bool = false
  ) {
    self.host = host
    self.mayLackAuthorities = mayLackAuthorities
    self.check = check
    unit = check?.unit ?? runningUnit
    findings = Findings(isOutsiders: check?.isDaemonsUser == false, staysUp: staysUp)
    principals = Principals(host: host)
    trust = PathTrust(host: host, findings: findings)
    policies = PolicyFiles(host: host, findings: findings, trust: trust)
    templates = TemplateFiles(host: host, findings: findings, trust: trust)
  }

  func sessionName(_ text: String) throws(SessionNameTemplate.Problem) -> SessionNameTemplate {
    if let known = sessionNames[text] { return known }
    let new = try SessionNameTemplate(text)
    sessionNames[text] = new
    return new
  }

  /// An equal rule that was read before, otherwise this one.
  func shared(_ rule: AccessRule) -> AccessRule { rules.insert(rule).memberAfterInsert }
}
