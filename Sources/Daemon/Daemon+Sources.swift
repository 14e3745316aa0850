import Core
import Handover
import Identities
import Refresh
import STS
import Settings
import Systemd

/// What signs and calls STS, made by the settings and put in force as a whole.
extension Daemon {
  struct Connections {
    let sources: [String: any CredentialSource]
    /// Of the sources whose server knows the daemon by a certificate.
    let identityFiles: [String: IdentityFiles]
    let cloud: CloudConnections
    /// The sources that sign only while a tier is away.
    let standbys: Set<String>
  }

  /// Builds what `settings` ask for, keeping from what is in force what they ask for still. Throws a sentence for what can't be had.
  /// `state` is what an earlier process handed over, at a start; with `mayLackAuthorities`, STS can't be called while the CA file
  /// can't be used.
  func connections(
    _ settings: DaemonSettings, after state: HandoverState? = nil, mayLackAuthorities: Bool = false
  ) throws -> Connections {
    let old = connections
    let switches = old == nil ? [:] : switches(to: settings)
    let places = try settings.sources.compactMap { source in
      try AccessKeySource.Location(source).map { (name: source.name, location: $0) }
    }
    let oldKeys = (old?.sources ?? [:]).compactMapValues { $0 as? AccessKeySource }
    let keys = try AccessKeySource.sources(at: places, keeping: oldKeys, switches: switches) {
      name, location, predecessor in
      let memory = state.map { KeyMemory.inherited($0.proofs[name].map { KeyProof($0) }) }
      let source = try AccessKeySource(
        name: name, at: location, succeeding: predecessor, mayLackKey: old == nil, after: memory ?? .nothing,
        loop: loop, log: log)
      source.changed = { [unowned self] in refresher.sourceChanged(name) }
      source.acceptedAgain = { [unowned self] in refresher.keyAcceptedAgain(name) }
      source.stateChanged = { [unowned self] in
        handover?.proofsChanged()
        announcer?.stateChanged()
      }
      return source
    }
    var sources: [String: any CredentialSource] = keys
    var identityFiles: [String: IdentityFiles] = [:]
    for one in settings.sources where sources[one.name] == nil {
      // Those of a source that is kept; one that is made has its own.
      var files = old?.identityFiles[one.name]
      sources[one.name] = try otherSource(one, keeping: old?.sources[one.name], settings.sts, &files)
      identityFiles[one.name] = files
    }
    let cloud = try CloudConnections(
      settings.sts, sources: sources, keeping: old?.cloud, mayLackAuthorities: mayLackAuthorities, loop: loop,
      log: log,
      serverTime: { [unowned self] in refresher.clock.dateForSigning(at: loop.time) },
      authoritiesChanged: { [unowned self] in
        announcer?.stateChanged()
        authoritiesRetry?.schedule()
      }, holding: { [unowned self] in sourceRoles.holding($0) })
    cloud.identities.ended = { [unowned self] in refresher.pump() }
    return Connections(
      sources: sources, identityFiles: identityFiles, cloud: cloud, standbys: settings.standbySources)
  }

  /// A source that is no AccessKey; `old` is the one of its name so far, and `files` has its files, and then those of the one that is returned.
  private func otherSource(
    _ settings: SourceSettings, keeping old: (any CredentialSource)?, _ sts: STSSettings, _ files: inout IdentityFiles?
  ) throws -> (any CredentialSource)? {
    let name = settings.name
    switch settings.kind {
    case .accessKey: return nil
    case .role(let role):
      files = nil
      if let old = old as? ChainedSource, old.role == role { return old }
      let source = ChainedSource(name: name, role: role, lender: sourceRoles) { [unowned self] in loop.time }
      source.changed = { [unowned self] in
        refresher.sourceChanged(name)
        announcer?.stateChanged()
      }
      return source
    case .identityToken(let token):
      files = nil
      if let old = old as? IdentityTokenSource, old.settings == settings { return old }
      let source = try IdentityTokenSource(settings, token, log: log, scheduler: loop)
      source.stateChanged = { [unowned self] in announcer?.stateChanged() }
      source.changed = { [unowned self] in refresher.sourceChanged(name) }
      try source.watch(on: loop)
      return source
    case .upstream(let upstream):
      // Its connection has the timeouts of [sts], too.
      if let old = old as? UpstreamSource, old.settings == settings, self.settings.sts == sts { return old }
      let new = try upstreamSource(settings, upstream, sts, &files)
      if let old = old as? UpstreamSource { new.inherit(from: old) }
      return new
    case .instanceRole, .credentialsURI, .kms:
      // Its connection has the timeouts of [sts].
      let old = (old as? FetchedSource).flatMap { $0.settings == settings ? $0 : nil }
      if let old, self.settings.sts == sts { return old }
      let new = try fetchedSource(settings, sts)
      if let old { new?.inherit(from: old) }
      files = new?.identityFiles
      files?.changed = { [unowned self] in announcer?.stateChanged() }
      return new
    }
  }

  private func fetchedSource(_ settings: SourceSettings, _ sts: STSSettings) throws -> FetchedSource? {
    let name = settings.name
    let source = try SourceFactory.fetchedSource(
      settings, sts: sts, loop: loop, log: log,
      serverTime: { [unowned self] in refresher.clock.dateForSigning(at: loop.time) },
      isTimeFromServer: { [unowned self] in refresher.clock.estimate.isFromServer })
    source?.changed = { [unowned self] in refresher.sourceChanged(name) }
    source?.settled = { [unowned self] in refresher.releaseHeld(of: name) }
    source?.stateChanged = { [unowned self] in announcer?.stateChanged() }
    return source
  }

  private func upstreamSource(
    _ settings: SourceSettings, _ upstream: UpstreamSettings, _ sts: STSSettings, _ files: inout IdentityFiles?
  ) throws -> UpstreamSource {
    let name = settings.name
    let serverTime = { [unowned self] in refresher.clock.dateForSigning(at: loop.time) }
    let connection = try SourceFactory.tierConnection(
      upstream, of: name, sts: sts, loop: loop, log: log, serverTime: serverTime)
    files = connection.identityFiles
    files?.changed = { [unowned self] in announcer?.stateChanged() }
    let source = try UpstreamSource(
      settings, upstream, by: connection, timeout: sts.timeout(ofPlaces: 1), scheduler: loop, log: log,
      serverTime: serverTime
    ) { [unowned self] in sourceRoles.dependents(on: name) }
    source.answered = { [unowned self, unowned source] in
      refresher.tierAnswered(name) { role in
        source.hasNews(for: role.name, holding: sourceRoles.holding(role.name)?.session)
      }
    }
    source.failedFirst = { [unowned self] in refresher.tierFailedFirst(name) }
    source.settled = { [unowned self] in refresher.releaseHeld(of: name) }
    source.stateChanged = { [unowned self] in announcer?.stateChanged() }
    return source
  }

  /// By the name of a source in `settings`: the one that its roles have had so far.
  private func switches(to settings: DaemonSettings) -> [String: String] {
    let rolesInForce = Dictionary(self.settings.roles.map { ($0.name, $0) }) { first, _ in first }
    return AccessKeySource.switches(to: settings.roles, from: rolesInForce)
  }

  /// From now on these sign and call. Sources ask by these connections, and each that was made in place of another one takes its place.
  func putInForce(_ new: Connections) {
    connections = new
    new.cloud.use(refresher)
    refresher.setRegions(new.cloud.regions)
    refresher.issuer = new.cloud.issuer
    refresher.checker = new.cloud.identities
    for source in new.sources.values {
      source.takeOver(asking: new.cloud.identities)
      (source as? AccessKeySource)?.setStandsBy(new.standbys.contains(source.name))
    }
  }
}
