import Core
import Refresh
import Secrets
import SessionStore
import Settings
import Signing

/// Records that are appended in one piece. It is cleared and used again, since allocating memory for secrets costs more
/// than writing to it.
struct RecordBatch: ~Copyable {
  /// The maximum size of the part of a settings file in one record.
  static let largestPiece = 128 << 10

  private var bytes = SecretBuffer(capacity: 2048)

  var isEmpty: Bool { bytes.count == 0 }

  mutating func add(_ record: HandoverRecord) { RecordCoding.append(record, to: &bytes) }

  mutating func clear() { bytes.clear() }

  /// Appends all records to a store.
  func append(to arena: SessionArena) throws(SessionArena.Failure) {
    try bytes.withBytes { (bytes) throws(SessionArena.Failure) in try arena.append(bytes) }
  }

  /// Adds a role's current state, and those of its sessions whose number is above `recorded`; `isNew` unless the store
  /// has the role's record with the parameters of its sessions. Returns the highest number of its sessions, 0 without any.
  mutating func add(_ role: ManagedRole, isNew: Bool, sessions: LiveSessions, above recorded: UInt64) -> UInt64 {
    let machine = role.machine
    let held = machine.heldSessions.map(\.number)
    let rotation = HandoverRotation(
      role: role.name, generation: machine.generation, held: held, published: machine.publishedID?.number,
      issued: UInt64(role.issued))
    add(
      isNew ? .role(HandoverRole(origin: HandoverRole.Origin(role.settings), rotation: rotation)) : .rotation(rotation),
      of: role.key)
    for session in machine.pooled where session.id.number > recorded { add(session, of: role.key, sessions, false) }
    if let reserved = machine.reserved, reserved.id.number > recorded { add(reserved, of: role.key, sessions, true) }
    return held.max() ?? 0
  }

  /// Adds a record of a role, or of a shard.
  mutating func add(_ record: HandoverRecord, of key: SessionKey) {
    add(key.shard.map { .ofShard($0, record) } ?? record)
  }

  private mutating func add(_ session: Session, of key: SessionKey, _ sessions: LiveSessions, _ isReserved: Bool) {
    guard let stored = sessions[session.id] else { return }
    add(
      .session(
        HandoverSession(
          role: key.role, number: session.id.number, isReserved: isReserved, accessKeyID: session.accessKeyID,
          accessKeySecret: stored.accessKeySecret, securityToken: stored.securityToken, expiration: session.expiration,
          issued: session.issued, sent: session.sent, asked: session.asked, expires: session.expires)),
      of: key)
  }

  /// Adds settings, and returns the range of each of their records.
  mutating func add(_ content: SettingsContent, number: UInt32) -> [Range<Int>] {
    var ranges: [Range<Int>] = []
    func add(_ record: HandoverRecord, _ batch: inout RecordBatch) {
      let start = batch.bytes.count
      batch.add(record)
      ranges.append(start..<batch.bytes.count)
    }
    for file in content.files {
      // In parts, so that no slice has to copy a large file.
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
  /// The parameters for which sessions are requested under these settings.
  init(_ settings: RoleSettings) {
    self.init(
      // None of a role that comes from a tier.
      arn: settings.arn?.description ?? "", policyDigest: settings.policy.map { Digest.sha256($0.span) },
      sessionName: settings.sessionName.description, externalID: settings.externalID, source: settings.source)
  }
}
