package import Core
package import Secrets

/// Every live session's secrets by the session's id: the one place where they are.
///
/// Whoever drives the machines adds a session as it is issued and removes it when its machine discards it, so that exactly the
/// sessions that the machines hold are in here. A session's AccessKeySecret and SecurityToken lie in one block of locked memory,
/// packed; or, while the session is handed out, inside the document rendered for that, so that no byte of them is held twice.
package struct LiveSessions {
  /// An id is a place in the list below its serial: 2^24 sessions at a time, 2^40 in a process.
  private static let placeBits: UInt64 = 24

  private var slots: [StoredSession?] = []
  private var freeSlots: [Int] = []
  private var lastSerial: UInt64 = 0
  package private(set) var count = 0

  package init() {}

  /// Takes a session in and names it; the name is never used again. What else holds the secrets given may let them go.
  package mutating func add(
    accessKeyID: String, accessKeySecret: Secret, securityToken: Secret, expiration: UTCTime, issued: UTCTime
  ) -> SessionID {
    lastSerial += 1
    let place = freeSlots.popLast() ?? slots.count
    let id = SessionID(number: lastSerial << Self.placeBits | UInt64(place))
    let session = StoredSession(
      id: id, accessKeyID: accessKeyID, expiration: expiration, issued: issued,
      secrets: SecretPair(packing: accessKeySecret, securityToken))
    if place == slots.count { slots.append(session) } else { slots[place] = session }
    count += 1
    return id
  }

  /// A name for a session that isn't kept here; it is no other session's.
  package mutating func nameOfAnother() -> SessionID {
    lastSerial += 1
    // No session has the last place.
    return SessionID(number: lastSerial << Self.placeBits | (1 << Self.placeBits - 1))
  }

  /// Forgets a session, whose secrets are overwritten once nobody hands them out any more; nothing when it isn't here.
  package mutating func remove(_ id: SessionID) {
    guard contains(id) else { return }
    let place = Self.place(of: id)
    slots[place] = nil
    freeSlots.append(place)
    count -= 1
  }

  /// nil when it isn't here (any more).
  package subscript(id: SessionID) -> StoredSession? {
    let place = Self.place(of: id)
    guard place < slots.count, let session = slots[place], session.id == id else { return nil }
    return session
  }

  package func contains(_ id: SessionID) -> Bool { self[id] != nil }

  /// All that are here, for comparing with what the machines hold.
  package var ids: [SessionID] { slots.compactMap { $0?.id } }

  /// From now on the session's secrets are those in `document`, at these places; the block they were in goes.
  package mutating func move(
    _ id: SessionID, into document: Secret, accessKeySecretAt: Range<Int>, securityTokenAt: Range<Int>
  ) {
    guard contains(id) else { return }
    slots[Self.place(of: id)]?.secrets = SecretPair(
      in: document, accessKeySecretAt: accessKeySecretAt, securityTokenAt: securityTokenAt)
  }

  /// Packs a session's secrets again, which were in a document that isn't handed out any more.
  package mutating func pack(_ id: SessionID) {
    guard let session = self[id], !session.secrets.isPacked else { return }
    slots[Self.place(of: id)]?.secrets = session.secrets.packed()
  }

  private static func place(of id: SessionID) -> Int { Int(id.number & (1 << placeBits - 1)) }
}

/// A session with its secrets.
package struct StoredSession {
  package let id: SessionID
  package let accessKeyID: String
  /// When it ends, by the server's calendar.
  package let expiration: UTCTime
  /// When it was issued, by the server's calendar.
  package let issued: UTCTime
  fileprivate(set) var secrets: SecretPair

  /// Copies, which their holder lets go of soon.
  package var accessKeySecret: Secret { secrets.accessKeySecret }
  package var securityToken: Secret { secrets.securityToken }
}
