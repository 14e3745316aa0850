package import Core
import Logs
import Secrets
import SessionStore
import Settings
import Systemd
package import Wire

/// What readers get of the sessions that the machines hold.
extension Refresher {
  /// Hands a session out from now on. Its document is rendered once, and is where its secrets are until another takes its place.
  func publish(_ session: Session, generation: UInt64, of role: ManagedRole) {
    notify(role) { $0.willPublish(role, generation: generation) }
    let old = role.current
    role.generation = generation
    role.hasHadSession = true
    // Nobody may read a derived session that was in use an hour ago: its document is made when somebody does.
    role.current = role.isDerived && old == nil ? nil : published(session, of: role)
    if let old, old.session.id != session.id { sessions.pack(old.session.id) }
    reportUnlockedSecrets()
  }

  /// The document of the role's published session, where its secrets are from now on.
  func published(_ session: Session, of role: ManagedRole) -> Handout? {
    sessions[session.id]?.document().map { document in
      sessions.move(
        session.id, into: document.bytes, accessKeySecretAt: document.accessKeySecretAt,
        securityTokenAt: document.securityTokenAt)
      return Handout(document, of: session, generation: role.generation, timing: role.settings.timing)
    }
  }

  /// Once: what is true of some secrets will be of others.
  private func reportUnlockedSecrets() {
    guard !hasReportedUnlockedSecrets, SecretMemory.figures.unlocked > 0 else { return }
    hasReportedUnlockedSecrets = true
    log.write(
      .secretsNotLocked,
      [
        .advice(
          "raise LimitMEMLOCK= of the unit (sudo systemctl edit rolekeeper, then sudo systemctl restart rolekeeper), or encrypt the swap"
        )
      ])
  }

  /// What a read of one of the role's sessions gets: what plain reads get if it is that one, else a document made for this read.
  package func handout(of session: Session, for role: ManagedRole) -> Handout? {
    if role.isDerived { touch(role, at: scheduler.time) }
    if let current = role.current, current.session.id == session.id { return current }
    return sessions[session.id]?.document().map { document in
      Handout(document, of: session, generation: nil, timing: role.settings.timing)
    }
  }

  /// The credential of a session, with copies of its secrets, which the caller should release soon; nil if it isn't held.
  package func credential(of session: Session) -> SessionCredential? { sessions[session.id]?.credential() }

  /// What an earlier process handed out and somebody is to have again, be it still the role's or not.
  package func handout(resuming old: HandoverSession, generation: UInt64?, for role: ManagedRole) -> Handout? {
    if let current = role.current, current.session.accessKeyID == old.accessKeyID { return current }
    let held = (role.machine.pooled + [role.machine.reserved].compactMap { $0 }).first {
      $0.accessKeyID == old.accessKeyID
    }
    if let held { return handout(of: held, for: role) }
    var session = Session(old, id: sessions.nameOfAnother())
    if !clock.estimate.isFromServer { session.judge(by: clock) }
    return SessionCredential(
      accessKeyID: old.accessKeyID, accessKeySecret: old.accessKeySecret, securityToken: old.securityToken,
      expiration: old.expiration, issued: old.issued
    ).map { Handout($0.document(), of: session, generation: generation, timing: role.settings.timing) }
  }
}
