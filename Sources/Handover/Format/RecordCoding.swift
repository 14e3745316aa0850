import Core
import Refresh
package import Secrets
import Settings

/// A record in a store:
///
///     0   how many bytes its content has
///     4   what it is (`Kind`), then three zeroes
///     8   CRC-32C of the eight bytes before and of the content
///     12  the content
///
/// Numbers have a fixed size. Texts and bytes are preceded by their count, as 32 bits, and optional values by a flag.
package enum RecordCoding {
  package static let headSize = 12

  enum Kind: UInt8 {
    case role = 1
    case session, condemned, roleRemoved, generationFloor, clock, proof
    case settingsFile, settingsDirectory, settingsInForce
    case rotation, unitSession, reloadDue, unitReloaded, reloadOver, ofShard

    /// Whether there are such records of shards, too.
    var isOfShards: Bool {
      switch self {
      case .role, .rotation, .session, .roleRemoved: true
      default: false
      }
    }
  }

  // MARK: - Writing

  /// Appends a complete record, including its head, to `batch`.
  package static func append(_ record: HandoverRecord, to batch: inout SecretBuffer) {
    let start = batch.count
    batch.appendNumber(0 as UInt64)
    batch.appendNumber(0 as UInt32)
    let kind = write(record, to: &batch)
    batch.replaceNumber(from: start, by: UInt32(batch.count - start - headSize))
    batch.replaceNumber(from: start + 4, by: UInt32(kind.rawValue))
    let sum = batch.withBytes { checksum(of: $0, recordFrom: start, to: $0.count) }
    batch.replaceNumber(from: start + 8, by: sum)
  }

  /// Of the record's head, without the checksum in it, and of its content.
  private static func checksum(of bytes: Span<UInt8>, recordFrom start: Int, to end: Int) -> UInt32 {
    var sum = CRC32C()
    sum.update(bytes.extracting(start..<start + 8))
    sum.update(bytes.extracting(start + headSize..<end))
    return sum.value
  }

  private static func write(_ record: HandoverRecord, to content: inout SecretBuffer) -> Kind {
    switch record {
    case .role(let role):
      write(role, to: &content)
      return .role
    case .rotation(let rotation):
      write(rotation, to: &content)
      return .rotation
    case .session(let session):
      write(session, to: &content)
      return .session
    case .condemned(let accessKeyID, let expiration):
      content.appendCounted(accessKeyID)
      content.appendNumber(expiration.seconds)
      return .condemned
    case .roleRemoved(let role, let generation):
      content.appendCounted(role.description)
      content.appendNumber(generation)
      return .roleRemoved
    case .generationFloor(let generation):
      content.appendNumber(generation)
      return .generationFloor
    case .clock(let estimate):
      content.appendNumber(estimate.offset)
      content.appendNumber(estimate.steadyOffset)
      content.appendFlag(estimate.isFromServer)
      return .clock
    case .proof(let proof):
      write(proof, to: &content)
      return .proof
    case .settingsFile(let number, let file):
      content.appendNumber(number)
      content.appendCounted(file.path)
      content.appendCounted(file.bytes.span)
      return .settingsFile
    case .settingsDirectory(let number, let directory):
      content.appendNumber(number)
      content.appendCounted(directory.path)
      content.appendNumber(UInt32(directory.names.count))
      for name in directory.names { content.appendCounted(name) }
      return .settingsDirectory
    case .settingsInForce(let number, let records):
      content.appendNumber(number)
      content.appendNumber(records)
      return .settingsInForce
    case .unitSession(let one):
      content.appendCounted(one.unit.description)
      content.appendCounted(one.invocation)
      content.appendOptional(one.generation) { $0.appendNumber($1) }
      write(one.session, to: &content)
      return .unitSession
    case .reloadDue(let role, let generation):
      content.appendCounted(role.description)
      content.appendNumber(generation)
      return .reloadDue
    case .unitReloaded(let role, let generation, let unit):
      content.appendCounted(role.description)
      content.appendNumber(generation)
      content.appendCounted(unit.description)
      return .unitReloaded
    case .reloadOver(let role):
      content.appendCounted(role.description)
      return .reloadOver
    case .ofShard(let shard, let record):
      content.appendNumber(UInt32(shard))
      let place = content.count
      content.append(0)
      let kind = write(record, to: &content)
      content.replaceNumber(from: place, by: kind.rawValue)
      return .ofShard
    }
  }

  private static func write(_ role: HandoverRole, to content: inout SecretBuffer) {
    content.appendCounted(role.origin.arn)
    content.appendOptional(role.origin.policyDigest) { $0.appendCounted($1) }
    content.appendCounted(role.origin.sessionName)
    content.appendOptional(role.origin.externalID) { $0.appendCounted($1) }
    content.appendCounted(role.origin.source)
    write(role.rotation, to: &content)
  }

  private static func write(_ rotation: HandoverRotation, to content: inout SecretBuffer) {
    content.appendCounted(rotation.role.description)
    content.appendNumber(rotation.generation)
    content.appendNumber(UInt32(rotation.held.count))
    for number in rotation.held { content.appendNumber(number) }
    content.appendOptional(rotation.published) { $0.appendNumber($1) }
    content.appendNumber(rotation.issued)
  }

  private static func write(_ session: HandoverSession, to content: inout SecretBuffer) {
    content.appendCounted(session.role.description)
    content.appendNumber(session.number)
    content.appendFlag(session.isReserved)
    content.appendCounted(session.accessKeyID)
    content.appendCounted(session.accessKeySecret)
    content.appendCounted(session.securityToken)
    content.appendNumber(session.expiration.seconds)
    content.appendNumber(session.issued.seconds)
    content.appendNumber(session.sent.microseconds)
    content.appendNumber(session.asked.microseconds)
    content.appendNumber(session.expires.microseconds)
  }

  private static func write(_ proof: HandoverProof, to content: inout SecretBuffer) {
    content.appendCounted(proof.source)
    content.appendCounted(proof.accessKeyID)
    content.appendNumber(proof.since.microseconds)
    content.appendNumber(proof.proven.microseconds)
    content.appendOptional(proof.lastAccepted) { $0.appendNumber($1.microseconds) }
    content.appendOptional(proof.arn) { $0.appendCounted($1) }
    content.appendOptional(proof.userID) { $0.appendCounted($1) }
  }

  // MARK: - Reading

  /// Reads the record at `place` and moves `place` behind it.
  static func record(in image: Span<UInt8>, at place: inout Int, end: Int) throws(StoreDefect) -> HandoverRecord {
    let start = place
    guard end - start >= headSize else { throw .recordDamaged(at: start) }
    var head = FieldCursor(start..<start + headSize)
    let count: UInt32 = head.number(in: image)!
    let kind: UInt8 = head.number(in: image)!
    let zeroes = (5...7).allSatisfy { image[start + $0] == 0 }
    var sumField = FieldCursor(start + 8..<start + headSize)
    let sum: UInt32 = sumField.number(in: image)!
    let content = start + headSize
    guard Int(count) <= end - content else { throw .recordDamaged(at: start) }
    guard checksum(of: image, recordFrom: start, to: content + Int(count)) == sum else {
      throw .recordDamaged(at: start)
    }
    guard zeroes, let kind = Kind(rawValue: kind) else { throw .recordUnknown(at: start) }
    var cursor = FieldCursor(content..<content + Int(count))
    guard let record = read(kind, &cursor, image), cursor.isAtEnd else { throw .recordUnknown(at: start) }
    place = content + Int(count)
    return record
  }

  private static func read(_ kind: Kind, _ cursor: inout FieldCursor, _ image: Span<UInt8>) -> HandoverRecord? {
    switch kind {
    case .role: return readRole(&cursor, image).map { .role($0) }
    case .rotation: return readRotation(&cursor, image).map { .rotation($0) }
    case .session: return readSession(&cursor, image).map { .session($0) }
    case .condemned:
      guard let id = cursor.text(in: image), let end: Int64 = cursor.number(in: image) else { return nil }
      return .condemned(accessKeyID: id, expiration: UTCTime(seconds: end))
    case .roleRemoved:
      guard let role = cursor.role(in: image), let generation = cursor.count(in: image) else { return nil }
      return .roleRemoved(role, generation: generation)
    case .generationFloor:
      guard let generation = cursor.count(in: image) else { return nil }
      return .generationFloor(generation)
    case .clock:
      guard let offset: Int64 = cursor.number(in: image), let steady: Int64 = cursor.number(in: image),
        let isFromServer = cursor.flag(in: image)
      else { return nil }
      return .clock(ServerClock.Estimate(offset: offset, steadyOffset: steady, isFromServer: isFromServer))
    case .proof: return readProof(&cursor, image).map { .proof($0) }
    case .settingsFile:
      guard let number: UInt32 = cursor.number(in: image), let path = cursor.text(in: image),
        let bytes = cursor.bytes(in: image)
      else { return nil }
      return .settingsFile(number: number, SettingsContent.File(path: path, bytes: bytes))
    case .settingsDirectory: return readDirectory(&cursor, image)
    case .settingsInForce:
      guard let number: UInt32 = cursor.number(in: image), let records: UInt32 = cursor.number(in: image) else {
        return nil
      }
      return .settingsInForce(number: number, records: records)
    case .unitSession: return readUnitSession(&cursor, image).map { .unitSession($0) }
    case .reloadDue:
      guard let role = cursor.role(in: image), let generation = cursor.count(in: image) else { return nil }
      return .reloadDue(role, generation: generation)
    case .unitReloaded:
      guard let role = cursor.role(in: image), let generation = cursor.count(in: image),
        let unit = cursor.text(in: image).flatMap({ UnitName($0) })
      else { return nil }
      return .unitReloaded(role, generation: generation, unit)
    case .reloadOver: return cursor.role(in: image).map { .reloadOver($0) }
    case .ofShard:
      guard let shard: UInt32 = cursor.number(in: image),
        let kind = (cursor.number(in: image) as UInt8?).flatMap({ Kind(rawValue: $0) }), kind.isOfShards,
        let record = read(kind, &cursor, image)
      else { return nil }
      return .ofShard(Int(shard), record)
    }
  }

  private static func readUnitSession(_ cursor: inout FieldCursor, _ image: Span<UInt8>) -> HandoverUnitSession? {
    guard let unit = cursor.text(in: image).flatMap({ UnitName($0) }), let invocation = cursor.text(in: image),
      let generation = cursor.optional(in: image, { $0.count(in: image) }),
      let session = readSession(&cursor, image)
    else { return nil }
    return HandoverUnitSession(unit: unit, invocation: invocation, generation: generation, session: session)
  }

  private static func readRole(_ cursor: inout FieldCursor, _ image: Span<UInt8>) -> HandoverRole? {
    guard let arn = cursor.text(in: image),
      let digest = cursor.optional(in: image, { $0.text(in: image) }), let sessionName = cursor.text(in: image),
      let externalID = cursor.optional(in: image, { $0.text(in: image) }), let source = cursor.text(in: image),
      let rotation = readRotation(&cursor, image)
    else { return nil }
    return HandoverRole(
      origin: HandoverRole.Origin(
        arn: arn, policyDigest: digest, sessionName: sessionName, externalID: externalID, source: source),
      rotation: rotation)
  }

  private static func readRotation(_ cursor: inout FieldCursor, _ image: Span<UInt8>) -> HandoverRotation? {
    guard let role = cursor.role(in: image), let generation = cursor.count(in: image),
      let held = cursor.numbers(in: image),
      let published = cursor.optional(in: image, { $0.number(in: image) as UInt64? }),
      let issued = cursor.count(in: image)
    else { return nil }
    return HandoverRotation(role: role, generation: generation, held: held, published: published, issued: issued)
  }

  private static func readSession(_ cursor: inout FieldCursor, _ image: Span<UInt8>) -> HandoverSession? {
    guard let role = cursor.role(in: image), let number: UInt64 = cursor.number(in: image),
      let isReserved = cursor.flag(in: image), let id = cursor.text(in: image), let secret = cursor.secret(in: image),
      let token = cursor.secret(in: image), let expiration: Int64 = cursor.number(in: image),
      let issued: Int64 = cursor.number(in: image), let sent: Int64 = cursor.number(in: image),
      let asked: Int64 = cursor.number(in: image), let expires: Int64 = cursor.number(in: image)
    else { return nil }
    return HandoverSession(
      role: role, number: number, isReserved: isReserved, accessKeyID: id, accessKeySecret: secret,
      securityToken: token, expiration: UTCTime(seconds: expiration), issued: UTCTime(seconds: issued),
      sent: Timestamp(microseconds: sent), asked: .microseconds(asked), expires: Timestamp(microseconds: expires))
  }

  private static func readProof(_ cursor: inout FieldCursor, _ image: Span<UInt8>) -> HandoverProof? {
    guard let source = cursor.text(in: image), let id = cursor.text(in: image),
      let since: Int64 = cursor.number(in: image), let proven: Int64 = cursor.number(in: image),
      let accepted = cursor.optional(in: image, { $0.number(in: image) as Int64? }),
      let arn = cursor.optional(in: image, { $0.text(in: image) }),
      let userID = cursor.optional(in: image, { $0.text(in: image) })
    else { return nil }
    return HandoverProof(
      source: source, accessKeyID: id, since: Timestamp(microseconds: since), proven: Timestamp(microseconds: proven),
      lastAccepted: accepted.map { Timestamp(microseconds: $0) }, arn: arn, userID: userID)
  }

  private static func readDirectory(_ cursor: inout FieldCursor, _ image: Span<UInt8>) -> HandoverRecord? {
    guard let number: UInt32 = cursor.number(in: image), let path = cursor.text(in: image),
      let count: UInt32 = cursor.number(in: image)
    else { return nil }
    var names: [String] = []
    for _ in 0..<count {
      guard let name = cursor.text(in: image) else { return nil }
      names.append(name)
    }
    return .settingsDirectory(number: number, SettingsContent.Directory(path: path, names: names))
  }
}

extension FieldCursor {
  /// A number that is counted on from, so there has to be room above it.
  fileprivate mutating func count(in bytes: Span<UInt8>) -> UInt64? {
    guard let number: UInt64 = number(in: bytes), number < 1 << 62 else { return nil }
    return number
  }

  fileprivate mutating func role(in bytes: Span<UInt8>) -> RoleName? { text(in: bytes).flatMap { RoleName($0) } }
}
