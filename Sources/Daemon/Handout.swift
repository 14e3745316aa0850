package import Core
package import HTTPServer
package import Secrets
import SessionStore
import Wire

/// A session as it is handed out: rendered once in each format, ready to be sent as it is.
///
/// What each read touches is `@exclusivity(unchecked)`: nothing that is called while it is being changed comes back to it.
package final class Handout {
  @exclusivity(unchecked) package private(set) var session: Session
  /// nil for a session that was never published: a reservation, or one of the pool handed out for the life it has left.
  package let generation: UInt64?
  private let credentialDocument: CredentialDocument
  /// From when on it counts as lapsed, and from when on it has less than its role's floor.
  @exclusivity(unchecked) private(set) var lapses: Timestamp
  @exclusivity(unchecked) private(set) var floorReached: Timestamp
  /// The other formats, rendered when somebody wants them: the document is the one place where the secrets are until then.
  private var others: [(format: CredentialFormat, text: Secret)] = []
  private let head: PlainBytes

  /// The credential document, one line of JSON.
  package var document: Secret { credentialDocument.bytes }

  /// A document of `session` whose answers carry `generation`.
  init(
    _ document: CredentialDocument, of session: Session, generation: UInt64?, timing: RoleTiming,
    heads: inout HandoutHeads
  ) {
    self.session = session
    self.generation = generation
    credentialDocument = document
    head = heads.head(length: document.bytes.count, generation: generation)
    lapses = session.expires - timing.lapseMargin
    floorReached = session.expires - timing.floor
  }

  /// The credential in a format.
  package func rendered(as format: CredentialFormat) -> Secret {
    if format == .json { return document }
    if let done = others.first(where: { $0.format == format }) { return done.text }
    let text = credential.rendered(as: format)
    others.append((format, text))
    return text
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
  func judge(by clock: ServerClock, timing: RoleTiming) {
    session.judge(by: clock)
    lapses = session.expires - timing.lapseMargin
    floorReached = session.expires - timing.floor
  }

  /// The answer to a read at `now`; nil once it has lapsed. Below the floor it says so in a header.
  package func response(at now: Timestamp) -> Response? {
    guard now < lapses else { return nil }
    guard now >= floorReached else { return Response(head: head, body: document) }
    let remaining = (session.expires - now).wholeSeconds
    let fields = HandoutHeads.fields(generation) + "Rolekeeper-Below-Floor: \(remaining)\r\n"
    return Response(head: Answer.head(status: 200, type: .json, length: document.count, fields: fields), body: document)
  }

  func isBelowFloor(at now: Timestamp) -> Bool { now >= floorReached }
}

/// The heads of the answers with a credential. Those of roles whose documents are equally long are the same, and one is kept.
struct HandoutHeads {
  private var latest: (length: Int, generation: UInt64?, head: PlainBytes)?

  mutating func head(length: Int, generation: UInt64?) -> PlainBytes {
    if let latest, latest.length == length, latest.generation == generation { return latest.head }
    let head = Answer.head(status: 200, type: .json, length: length, fields: Self.fields(generation))
    latest = (length, generation, head)
    return head
  }

  static func fields(_ generation: UInt64?) -> String {
    generation.map { "Rolekeeper-Generation: \($0)\r\n" } ?? ""
  }
}

extension StoredSession {
  /// The credential document; nil for a session whose texts no format could carry. The reading of STS's answers lets none through.
  func document() -> CredentialDocument? {
    SessionCredential(
      accessKeyID: accessKeyID, accessKeySecret: accessKeySecret, securityToken: securityToken, expiration: expiration,
      issued: issued)?.document()
  }
}

extension Secret: ResponseBytes {
  // A result of some type, here a count, tells the generic method of the same name from this one, which can't be its own witness.
  package func withBytes(_ body: (Span<UInt8>) -> Void) {
    let _: Int = withBytes { bytes in
      body(bytes)
      return bytes.count
    }
  }
}
