package import Core
package import Secrets
import SessionStore
package import Wire

/// A session as it is handed out: rendered once in each format, ready to be sent as it is.
package final class Handout {
  package private(set) var session: Session
  /// nil for a session that was never published: a reservation, or one of the pool handed out for the life it has left.
  package let generation: UInt64?
  private let credentialDocument: CredentialDocument
  /// From when on it counts as lapsed, and from when on it has less than its role's floor.
  package private(set) var lapses: Timestamp
  private(set) var floorReached: Timestamp
  /// The other formats, rendered when somebody wants them: the document is the one place where the secrets are until then.
  private var others: [(format: OutputFormat, text: Secret)] = []
  /// What whoever hands it out keeps with it, such as the head of an answer, made once.
  package var attachment: AnyObject?

  /// The credential document, one line of JSON.
  package var document: Secret { credentialDocument.bytes }

  init(_ document: CredentialDocument, of session: Session, generation: UInt64?, timing: RoleTiming) {
    self.session = session
    self.generation = generation
    credentialDocument = document
    lapses = session.expires - timing.lapseMargin
    floorReached = session.expires - timing.floor
  }

  /// The credential in a format; `role` is the one that it is of.
  package func rendered(as format: CredentialFormat, for role: RoleName) throws(FormatError) -> Secret {
    try rendered(as: .known(format), for: role)
  }

  /// The credential in the format of a file.
  package func rendered(as format: OutputFormat, for role: RoleName) throws(FormatError) -> Secret {
    if format == .known(.json) { return document }
    if let done = others.first(where: { $0.format == format }) { return done.text }
    let text = try credential.rendered(as: format, for: role)
    others.append((format, text))
    return text
  }

  /// Copies, which the caller should release soon.
  var secrets: (accessKeySecret: Secret, securityToken: Secret) {
    (credentialDocument.accessKeySecret, credentialDocument.securityToken)
  }

  private var credential: SessionCredential {
    guard
      let credential = SessionCredential(
        accessKeyID: session.accessKeyID, accessKeySecret: credentialDocument.accessKeySecret,
        securityToken: credentialDocument.securityToken, expiration: session.expiration, issued: session.issued)
    else { preconditionFailure("a session that has a document has texts that no format can carry") }
    return credential
  }

  /// Judges its end again, by a corrected clock or by other settings.
  package func judge(by clock: ServerClock, timing: RoleTiming) {
    session.judge(by: clock)
    lapses = session.expires - timing.lapseMargin
    floorReached = session.expires - timing.floor
  }

  package func isBelowFloor(at now: Timestamp) -> Bool { now >= floorReached }
}

extension StoredSession {
  /// The credential document; nil, as `credential`, for a session whose texts no format could carry. The reading of STS's answers lets none through.
  func document() -> CredentialDocument? { credential()?.document() }

  func credential() -> SessionCredential? {
    SessionCredential(
      accessKeyID: accessKeyID, accessKeySecret: accessKeySecret, securityToken: securityToken, expiration: expiration,
      issued: issued)
  }
}
