import Core
import Refresh
import Secrets
import SessionStore
import Settings
import Signing

/// Records that are appended in one piece. It is cleared and used again: memory for secrets costs more than what is written to it.
struct RecordBatch: ~Copyable {
  /// Of a file of settings, in one record.
  static let largestPiece = 128 << 10

  private var bytes = SecretBuffer(capacity: 2048)

  var isEmpty: Bool { bytes.count == 0 }

  mutating func add(_ record: HandoverRecord) { RecordCoding.append(record, to: &bytes) }

  mutating func clear() { bytes.clear() }

  /// Appends all of them to a store.
  func append(to arena: SessionArena) throws(SessionArena.Failure) {
    try bytes.withBytes { (bytes) throws(SessionArena.Failure) in try arena.append(bytes) }
  }

  /// A role as it is, with those of its sessions whose number is above `recorded`; `isNew` unless the store has the role and what its sessions
  /// were issued for. Returns the highest number of its sessions, 0 without any.
  mutating func add(_ role: ManagedRole, isNew: Bool, sessions: LiveSessions, above recorded: UInt64) -> UInt64 {
    let machine = role.machine
    let held = machine.heldSessions.map(\.number)
    let rotation = HandoverRotation(
      role: role.name, generation: machine.generation, held: held, published: machine.publishedID?.number,
      issued: UInt64(role.issued))
    add(
      isNew ? .role(HandoverRole(origin: HandoverRole.Origin(role.settings), rotation: rotation)) : .rotation(rotation))
    for session in machine.pooled where session.id.number > recorded { add(session, of: role.name, sessions, false) }
    if let reserved = machine.reserved, reserved.id.number > recorded { add(reserved, of: role.name, sessions, true) }
    return held.max() ?? 0
  }

  private mutating func add(
    _ session: Session, of role: RoleName, _ sessions: LiveSessions, _ isReserved: Bool
  ) {
    guard let stored = sessions[session.id] else { return }
    add(
      .session(
        HandoverSession(
          role: role, number: session.id.number, isReserved: isReserved, accessKeyID: session.accessKeyID,
          accessKeySecret: stored.accessKeySecret, securityToken: stored.securityToken, expiration: session.expiration,
          issued: session.issued, sent: session.sent, asked: session.asked, expires: session.expires)))
  }

  /// Settings with the place of each of their records.
  mutating func add(_ content: SettingsContent, number: UInt32) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    func add(_ record: HandoverRecord, _ batch: inout RecordBatch) {
      let start = batch.bytes.count
      batch.add(record)
      ranges.append(start..<batch.bytes.count)
    }
    for file in content.files {
      // In pieces, so that no slice of the loop has to copy a large file.
      var start = 0
      repeat {
        let end = min(start + Self.largestPiece, file.bytes.count)
        let piece = SettingsContent.File(path: file.path, bytes: Array(file.bytes[start..<end]))
        add(.settingsFile(number: number, piece), &self)
        start = end
      } while start < file.bytes.count
    }
    for directory in content.directories { add(.settingsDirectory(number: number, directory), &self) }
    add(.settingsInForce(number: number, records: UInt32(ranges.count)), &self)
    return ranges
  }
}

extension HandoverRole.Origin {
  /// Of the sessions that these settings request.
  init(_ settings: RoleSettings) {
    self.init(
      arn: settings.arn.description, policyDigest: settings.policy.map { Digest.sha256($0.span) },
      sessionName: settings.sessionName.description, externalID: settings.externalID, source: settings.source)
  }
}
