import Core
import Glibc
import JSON
import Laboratory
import TestSupport
import Testing

/// A daemon and a cloud, and several consumers at a time, each with a role of its own.
final class ConsumerLab {
  /// A request of a consumer as the service saw it: the emulator, or the consumer's own recorder where there is no such service.
  struct Use {
    let consumer: String
    /// The session that signed it, if it was accepted.
    let keyID: String?
    /// Why it wasn't, with the AccessKeyId if that is known.
    let error: String?
    /// The role's session before and after it.
    let current: Set<String>
  }

  let lab: Lab
  private var consumers: [ConsumerProcess] = []
  /// All sessions of each role so far, the latest last.
  private var sessions: [String: [String]] = [:]
  /// Those that `rotate` has ended.
  private var dead: [String: [String]] = [:]

  /// Starts the daemon, whose sessions live as long as `lifetime` says, and then the consumers. With an address each gets its role's
  /// loopback URI.
  init(_ names: [String], lifetime: String?, at address: LoopbackAddress? = nil) throws {
    var realm = RealmDraft(lifetime: lifetime, roles: names)
    realm.rights = Dictionary(uniqueKeysWithValues: names.map { ($0, ["oss:*"]) })
    // fsspec's ossfs signs with V1.
    realm.oss = "allow_v1 = true"
    lab = try Lab(realm, hasStorage: true) { settings in
      if let address { settings.loopback = [address.description] }
      settings.roles = names.map { name in
        var role = SettingsDraft.Role(name)
        // The session changes when a test wants it to, or shortly before its end.
        role.more = "pool = 1\nrefresh_after = \"10min\""
        // The tests' own user, who has no right at the URI otherwise.
        if address != nil { role.more += "\nallow = { users = [0] }" }
        role.files = ConsumerProcess.files.map { SettingsDraft.Role.file($0, "format = \"\($0)\"") }
          .joined(separator: "\n[[roles.\(name).files]]\n")
        return role
      }
    }
    try lab.start()
    consumers = try names.map { name in
      try ConsumerProcess(name, in: lab, uri: address.map { "http://\($0)/\(name)" })
    }
    for consumer in consumers {
      if let error = try consumer.outcome().error { throw CannotBegin(consumer: consumer.name, error: error) }
    }
  }

  /// Lets each consumer make a request, all at the same time.
  func use() throws -> [Use] {
    try lab.emulator.ask("DELETE", "/requests")
    for consumer in consumers { try noteSession(of: consumer.role) }
    let before = sessions
    for consumer in consumers { try consumer.ask(dead: dead[consumer.role] ?? []) }
    let outcomes = try consumers.map { try $0.outcome() }
    for consumer in consumers { try noteSession(of: consumer.role) }
    let calls = try signedCalls()
    return zip(consumers, outcomes).map { consumer, outcome in
      // The emulator decides where it was asked, whatever the consumer made of its answer.
      let own = calls.filter { call in sessions[consumer.role]?.contains(call.keyID) == true }
      let accepted = own.last { $0.result == "OK" && Self.proofs.contains($0.action) }
      let keyID = own.isEmpty ? outcome.keyID : accepted?.keyID
      let error = own.last.map { "\($0.keyID) \($0.result)" } ?? outcome.error
      let current = Set([before[consumer.role]?.last, sessions[consumer.role]?.last].compactMap(\.self))
      return Use(consumer: consumer.name, keyID: keyID, error: keyID == nil ? error : nil, current: current)
    }
  }

  /// Lets the consumers make requests until each has used another session than in `last`, and returns the first such use of each. A
  /// session that ended while a request with it was under way isn't one.
  func use(after last: [Use]) throws -> [Use] {
    var renewed: [String: Use] = [:]
    try eventually("each uses another session") {
      for (use, before) in zip(try self.use(), last) where renewed[use.consumer] == nil && use.keyID != before.keyID {
        if use.error?.hasSuffix("Expired") == true { continue }
        renewed[use.consumer] = use
      }
      return renewed.count == consumers.count
    }
    return consumers.compactMap { renewed[$0.name] }
  }

  /// Gives each role a new session, in the files, too, and ends the old one at the cloud.
  func rotate() throws {
    for consumer in consumers { try noteSession(of: consumer.role) }
    for consumer in consumers { _ = try lab.rolekeeper("refresh", consumer.role) }
    for consumer in consumers {
      let old = sessions[consumer.role]?.last ?? ""
      try eventually("\(consumer.role) has another session") {
        let current = try lab.credential(consumer.role).keyID
        return current != old
          && ConsumerProcess.files.allSatisfy { file in
            FileText.read("\(lab.draft.directory)/\(consumer.role)/\(file)")?.contains(current) == true
          }
      }
      try lab.emulator.fault("kind=session-revoked&key=\(old)")
      dead[consumer.role, default: []].append(old)
    }
  }

  /// Each goes on with its first session over the rotations, and is refused with that.
  func expectNoChange(over rotations: Int = 3) throws {
    let first = try use()
    for use in first { #expect(use.keyID != nil, "\(use)") }
    for _ in 1...rotations {
      try rotate()
      for (use, before) in zip(try use(), first) {
        #expect(use.keyID == nil && use.error?.contains(before.keyID ?? "none") == true, "\(use)")
      }
    }
  }

  private func noteSession(of role: String) throws {
    let reply = try? lab.daemon.get("/v1/roles/\(role)/credentials")
    // Without a daemon there is no other session than before.
    guard let reply else { return }
    let current = try Credential(reply).keyID
    if sessions[role]?.last != current { sessions[role, default: []].append(current) }
  }

  /// What a consumer is for; others may come before, such as HeadObject.
  private static let proofs: Set = ["GetCallerIdentity", "PutObject", "UploadPart", "CompleteMultipartUpload"]

  private func signedCalls() throws -> [(action: String, keyID: String, result: String)] {
    var calls: [(action: String, keyID: String, result: String)] = []
    let text = Array(try lab.emulator.ask("GET", "/requests/recent").utf8)
    try JSONDocument(text.span).root["requests"]?.forEachItem { call in
      func field(_ name: String) -> String { call[name]?.string() ?? "" }
      calls.append((field("action"), field("access_key_id"), field("result")))
    }
    return calls
  }
}

private struct CannotBegin: Error, CustomStringConvertible {
  let consumer: String
  let error: String

  var description: String { "'\(consumer)' can't begin: \(error)" }
}
