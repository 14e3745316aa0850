import Core
import Handover
import Refresh
import Secrets
import Settings
import TestSupport

/// The records that the tests of this suite hand over.
enum Samples {
  static let boot = BootID("1e8db4a0-6d62-4b3f-9d0f-0a5b6c7d8e9f")!

  static func name(_ text: String) -> RoleName { RoleName(text)! }

  static func role(
    _ name: String, generation: UInt64 = 7, held: [UInt64] = [1, 2], published: UInt64? = 2, digest: String? = nil,
    externalID: String? = nil
  ) -> HandoverRole {
    HandoverRole(
      origin: HandoverRole.Origin(
        arn: "acs:ram::1:role/\(name)", policyDigest: digest, sessionName: "{host}-{role}", externalID: externalID,
        source: "main"),
      rotation: HandoverRotation(
        role: Self.name(name), generation: generation, held: held, published: published, issued: 9))
  }

  static func session(_ role: String, _ number: UInt64, isReserved: Bool = false) -> HandoverSession {
    HandoverSession(
      role: name(role), number: number, isReserved: isReserved, accessKeyID: "STS.\(role)\(number)",
      accessKeySecret: secret("secret-\(role)\(number)"), securityToken: secret("token-\(role)\(number)"),
      expiration: UTCTime(seconds: 1_800_003_600 + Int64(number)), issued: UTCTime(seconds: 1_800_000_000),
      sent: Timestamp(microseconds: 12_345_678 + Int64(number)), asked: .hours(1),
      expires: Timestamp(microseconds: 3_612_345_678))
  }

  static func unitSession(
    _ unit: String, _ invocation: String, _ session: HandoverSession, generation: UInt64? = 7
  ) -> HandoverUnitSession {
    HandoverUnitSession(unit: UnitName(unit)!, invocation: invocation, generation: generation, session: session)
  }

  /// One of each kind, and some that later ones replace.
  static var records: [HandoverRecord] {
    [
      .generationFloor(3),
      .clock(ServerClock.Estimate(offset: -5, steadyOffset: 6, isFromServer: false)),
      .role(role("uploader", published: nil, digest: String(repeating: "ab", count: 32), externalID: "é")),
      .session(session("uploader", 1)),
      .session(session("uploader", 2)),
      .rotation(role("uploader", generation: 8, held: [2]).rotation),
      .settingsFile(number: 1, SettingsContent.File(path: "/etc/rk.toml", bytes: Array("[roles.é]\n".utf8))),
      .settingsDirectory(number: 1, SettingsContent.Directory(path: "/etc/roles.d", names: ["a.toml", "b.toml"])),
      .settingsInForce(number: 1, records: 2),
      .role(role("reports", held: [3, 4], published: 3)),
      .session(session("reports", 3)),
      .session(session("reports", 4, isReserved: true)),
      .condemned(accessKeyID: "STS.reports3", expiration: UTCTime(seconds: 1_800_003_603)),
      .proof(
        HandoverProof(
          source: "main", accessKeyID: "LTAI5tExample", since: Timestamp(microseconds: 1),
          proven: Timestamp(microseconds: 2), lastAccepted: nil, arn: "acs:ram::1:user/keeper", userID: nil)),
      .role(role("gone")),
      .unitSession(unitSession("app.service", "i1", session("gone", 5))),
      .unitSession(unitSession("app.service", "i1", session("uploader", 1))),
      .roleRemoved(name("gone"), generation: 12),
      .unitSession(unitSession("job@1.service", "j1", session("reports", 4), generation: nil)),
      .unitSession(unitSession("job@1.service", "j2", session("uploader", 2))),
      .reloadDue(name("uploader"), generation: 6),
      .unitReloaded(name("uploader"), generation: 6, UnitName("old.service")!),
      .reloadDue(name("uploader"), generation: 7),
      .unitReloaded(name("uploader"), generation: 7, UnitName("app.service")!),
      .unitReloaded(name("uploader"), generation: 6, UnitName("late.service")!),
      .reloadDue(name("reports"), generation: 3),
      .unitReloaded(name("reports"), generation: 3, UnitName("app.service")!),
      .reloadOver(name("reports")),
      .clock(
        ServerClock.Estimate(offset: 1_799_999_000_000_000, steadyOffset: 1_799_999_000_000_001, isFromServer: true)),
      .settingsFile(number: 2, SettingsContent.File(path: "/etc/rk.toml", bytes: [])),
      .ofShard(3, .role(role("uploader", held: [6, 7], published: 7))),
      .ofShard(3, .session(session("uploader", 6))),
      .ofShard(3, .session(session("uploader", 7))),
      .ofShard(3, .rotation(role("uploader", generation: 8, held: [7]).rotation)),
      .ofShard(4, .role(role("uploader", held: [8], published: 8))),
      .ofShard(4, .roleRemoved(name("uploader"), generation: 9)),
    ]
  }

  /// A store with these records, and the place where each of them ends.
  static func image(of records: [HandoverRecord] = records, version: UInt32 = StoreHeader.version) -> (
    bytes: [UInt8], ends: [Int]
  ) {
    var batch = SecretBuffer()
    var ends: [Int] = []
    for record in records {
      RecordCoding.append(record, to: &batch)
      ends.append(StoreHeader.size + batch.count)
    }
    var bytes = StoreHeader.bytes(of: boot, version: version)
    batch.withBytes { batch in bytes += batch.indices.map { batch[$0] } }
    commit(bytes.count, in: &bytes)
    return (bytes, ends)
  }

  static func commit(_ length: Int, in bytes: inout [UInt8]) {
    let word = StoreHeader.commitWord(length)
    for byte in 0..<8 { bytes[StoreHeader.commitPlace + byte] = UInt8(truncatingIfNeeded: word >> UInt64(8 * byte)) }
  }

  static func state(of records: some Sequence<HandoverRecord>) -> HandoverState {
    records.reduce(into: HandoverState()) { $0.apply($1) }
  }
}

extension HandoverState {
  /// All of it as text, secrets included.
  var text: String {
    let roles = roles.values.sorted { $0.role.name < $1.role.name }.map { role in
      "\(role.role) \(role.sessions.map(\.text))"
    }
    let shards = shards.sorted { $0.key < $1.key }.flatMap { name, all in
      all.sorted { $0.key < $1.key }.map { "\(name) \($0.key) \($0.value.role) \($0.value.sessions.map(\.text))" }
    }
    let rest: [Any] = [
      removedGenerations.sorted { $0.key < $1.key }, generationFloor,
      condemned.sorted { $0.key < $1.key },
      units.sorted { $0.key.description < $1.key.description }.map { unit in
        "\(unit.key) \(unit.value.invocation) "
          + unit.value.sessions.sorted { $0.key < $1.key }.map {
            "\($0.value.generation ?? 0) \($0.value.session.text)"
          }
          .joined(separator: " ")
      },
      clock as Any, proofs.sorted { $0.key < $1.key }, settings as Any,
    ]
    return (roles + shards + rest.map { "\($0)" }).joined(separator: "\n")
  }
}

extension HandoverSession {
  fileprivate var text: String {
    "\(role) \(number) \(isReserved) \(accessKeyID) \(accessKeySecret.text) \(securityToken.text) \(expiration) \(issued) \(sent) \(asked) \(expires)"
  }
}
