import CloudAPI
import Core
import Identities
import Refresh
import STS
import SessionStore
import Settings
import Wire

/// Lends roles' sessions to the sources that name these roles, and lets those know of every change.
final class SourceRoles: SessionLender, RoleObserver {
  private unowned let refresher: Refresher
  private let sources: () -> [String: any CredentialSource]
  private var doubts: [WeakDoubt] = []

  private struct WeakDoubt { weak var doubt: Doubt? }

  /// `sources` are those in force.
  init(refresher: Refresher, sources: @escaping () -> [String: any CredentialSource]) {
    self.refresher = refresher
    self.sources = sources
  }

  // MARK: - Lending

  func session(of role: RoleName) -> LentSession? {
    guard let role = refresher.roles[role], let current = role.current, role.isValid(at: refresher.now),
      let stored = refresher.session(current.session.accessKeyID, of: role)
    else { return nil }
    let key = AccessKey(id: stored.accessKeyID, secret: stored.accessKeySecret)
    return LentSession(
      signer: SigningIdentity(sessionKey: key, token: stored.securityToken), since: stored.issued,
      expiration: stored.expiration)
  }

  func isAwaited(_ role: RoleName) -> Bool {
    refresher.roles[role].map { !$0.hasHadFirstOutcome && $0.current == nil } ?? true
  }

  func lastFailure(of role: RoleName) -> LastError? {
    guard let machine = refresher.roles[role]?.machine, let failure = machine.lastFailure else { return nil }
    return LastError(failure, since: machine.failingSince.map { refresher.clock.calendar(at: $0) })
  }

  func chain(of role: RoleName) -> [String] {
    let sources = sources()
    var chain = [role.description]
    var next = refresher.roles[role]?.settings.source
    // The settings allow no chain that leads back; roles that a reload is about to change might for a moment.
    while let name = next, chain.count <= refresher.roles.count + 1 {
      guard let source = sources[name] as? ChainedSource else { return chain + [name] }
      chain.append(source.role.description)
      next = refresher.roles[source.role]?.settings.source
    }
    return chain
  }

  // MARK: - Tiers

  /// What a role holds of its pool; nil if that is nothing.
  func holding(_ name: RoleName) -> TierIssuer.Holding? {
    guard let machine = refresher.roles[name]?.machine, let session = machine.latest else { return nil }
    return (session, machine.headroom(at: refresher.now))
  }

  func dependents(on source: String) -> [UpstreamSource.Dependent] {
    refresher.rolesInOrder.filter { $0.settings.source == source }.map {
      UpstreamSource.Dependent($0.name, $0.settings.timing, headroom: $0.machine.headroom(at: refresher.now))
    }
  }

  /// A tier hears of the sessions that STS doesn't know any more.
  func didReport(_ report: RefreshReport, of role: ManagedRole) {
    guard case .condemned(let session, _) = report else { return }
    (sources()[role.settings.source] as? UpstreamSource)?.condemn(session.accessKeyID, of: role.name)
  }

  /// A session that a reader has reported, and of which STS said nothing here: hosts needn't reach STS, and their tier does.
  func passOn(_ accessKeyID: String, of role: RoleName) {
    guard let role = refresher.roles[role] else { return }
    (sources()[role.settings.source] as? UpstreamSource)?.passOn(accessKeyID, of: role.name)
  }

  // MARK: - Doubts

  /// A wait for STS's verdict on a session, and for another session if that is needed.
  private final class Doubt {
    let role: RoleName
    let accessKeyID: String
    let settled: () -> Void
    var check: Refresher.Check?
    private unowned let refresher: Refresher

    init(_ accessKeyID: String, of role: RoleName, refresher: Refresher, settled: @escaping () -> Void) {
      self.accessKeyID = accessKeyID
      self.role = role
      self.refresher = refresher
      self.settled = settled
    }

    deinit { if let check { refresher.cancel(check) } }
  }

  func doubt(_ accessKeyID: String, of role: RoleName, settled: @escaping () -> Void) -> AnyObject? {
    guard let managed = refresher.roles[role], let session = refresher.session(accessKeyID, of: managed) else {
      return nil
    }
    let doubt = Doubt(accessKeyID, of: role, refresher: refresher, settled: settled)
    doubts.removeAll { $0.doubt == nil }
    doubts.append(WeakDoubt(doubt: doubt))
    doubt.check = refresher.check(session) { [unowned self, weak doubt] outcome in
      doubt?.check = nil
      // Another one may have had the same session condemned by now.
      if case .condemned = outcome, let managed = refresher.roles[role] {
        return refresher.send(.condemned(session.id), to: managed)
      }
      if let doubt { settle { $0 === doubt } }
    }
    return doubt
  }

  private func settle(_ isMeant: (Doubt) -> Bool) {
    let all = doubts.compactMap(\.doubt)
    let meant = all.filter(isMeant)
    if meant.isEmpty { return }
    doubts = all.filter { one in !meant.contains { $0 === one } }.map { WeakDoubt(doubt: $0) }
    for doubt in meant { doubt.settled() }
  }

  // MARK: - Changes

  func didPublish(_ role: ManagedRole) {
    settle { $0.role == role.name && $0.accessKeyID != role.current?.session.accessKeyID }
    for source in sources(of: role) { source.changed() }
  }

  /// A failure ends the wait for its first session, and of those who wait for another one.
  func didAttempt(_ role: ManagedRole) {
    guard role.machine.lastFailure != nil else { return }
    settle { $0.role == role.name && $0.check == nil }
    for source in sources(of: role) { refresher.releaseHeld(of: source.name) }
  }

  private func sources(of role: ManagedRole) -> [ChainedSource] {
    sources().values.compactMap { $0 as? ChainedSource }.filter { $0.role == role.name }
  }
}
