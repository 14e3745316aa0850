package import Core

/// `session_name`: a text with the placeholders `{host}`, `{role}`, `{slot}`, `{scope}`, `{user}` and `{shard}`, from which RoleSessionName is made.
///
/// A RoleSessionName has 2 to 64 of `A-Z a-z 0-9 . @ - _` (STS API reference, AssumeRole). If the name would be longer,
/// the host's part is shortened, and the last 8 characters of that part become a hash of the whole name, so that
/// different hosts have different names.
package struct SessionNameTemplate: Hashable, Sendable, CustomStringConvertible {
  package static let standard = SessionNameTemplate(parts: [.host, .text("-"), .role, .text("-"), .slot])
  package static let maxLength = 64
  package static let hashLength = 8

  private enum Part: Hashable, Sendable {
    case text(String)
    case host, role, slot, scope, user, shard
  }

  /// Why a text isn't a template, or doesn't make a session name.
  package enum Problem: Error, Hashable, Sendable {
    case unknownPlace(String)
    case unclosedPlace
    case badCharacter(Character)
    case tooShort
    /// A placeholder that isn't allowed in this template, and why.
    case notHere(String, String)
    /// The users' sessions would have the same name.
    case lacksUser
    /// The shards' sessions would have the same name.
    case lacksShard
    /// The number of characters that remain if `{host}` is shortened to its hash, or isn't used; too many.
    case tooLong(Int)
  }

  private let parts: [Part]

  private init(parts: [Part]) { self.parts = parts }

  package init(_ text: String) throws(Problem) {
    var parts: [Part] = []
    var rest = text[...]
    while let character = rest.first {
      if character == "{" {
        guard let end = rest.firstIndex(of: "}") else { throw .unclosedPlace }
        parts.append(try Self.place(named: rest[rest.index(after: rest.startIndex)..<end]))
        rest = rest[rest.index(after: end)...]
      } else {
        let literal = rest.prefix { $0 != "{" }
        if let bad = literal.first(where: { !Self.allows($0) }) { throw .badCharacter(bad) }
        parts.append(.text(String(literal)))
        rest = rest[literal.endIndex...]
      }
    }
    self.parts = parts
  }

  package var description: String {
    parts.map { part in
      switch part {
      case .text(let text): text
      case .host: "{host}"
      case .role: "{role}"
      case .slot: "{slot}"
      case .scope: "{scope}"
      case .user: "{user}"
      case .shard: "{shard}"
      }
    }.joined()
  }

  package var namesScope: Bool { parts.contains(.scope) }
  package var namesUser: Bool { parts.contains(.user) }
  package var namesShard: Bool { parts.contains(.shard) }

  /// The template of a role with a session for each user, unless the settings have another.
  package static let standardWithUser = SessionNameTemplate(parts: [.host, .text("-"), .role, .text("-"), .user])

  /// The same of a role with a session for each shard of hosts.
  package static let standardWithShard = SessionNameTemplate(parts: [.host, .text("-"), .role, .text("-"), .shard])

  /// The template of a shard's sessions: `{shard}` becomes `s` and the number, as no session of the ring is called.
  package func naming(shard: Int) -> SessionNameTemplate {
    SessionNameTemplate(parts: parts.map { $0 == .shard ? .text("s\(shard)") : $0 })
  }

  /// The template of a role's scopes, unless they have their own: `{scope}` in place of `{slot}`, or at the end. Where there is a user it is at
  /// the end, behind `@`: no user's label ends so, and another user's session never has the same name.
  package var withScope: SessionNameTemplate {
    if namesScope { return self }
    guard parts.contains(.slot), !namesUser else {
      return SessionNameTemplate(parts: parts + [.text(namesUser ? "@" : "-"), .scope])
    }
    return SessionNameTemplate(parts: parts.map { $0 == .slot ? .scope : $0 })
  }

  /// The template of one derived session of `role`. A user's label is shortened if there is no room for it.
  package func naming(scope: RoleName?, user: UserLabel?, of role: RoleName) -> SessionNameTemplate {
    let fixed = parts.reduce(0) { sum, part in
      switch part {
      case .text(let text): sum + text.utf8.count
      case .host: sum + Self.hashLength
      case .role: sum + role.description.utf8.count
      case .slot, .shard: sum + 1
      case .scope: sum + (scope?.description.utf8.count ?? 0)
      case .user: sum
      }
    }
    let room = (Self.maxLength - fixed) / max(1, parts.count { $0 == .user })
    return SessionNameTemplate(
      parts: parts.map { part in
        switch part {
        case .scope: scope.map { .text($0.description) } ?? part
        case .user: user.map { .text($0.shortened(to: max(UserLabel.leastRoom, room))) } ?? part
        case .text, .host, .role, .slot, .shard: part
        }
      })
  }

  /// The session name; `slot` is the session's place in the pool, which makes the names of a role's sessions differ.
  ///
  /// A character of `host` that isn't allowed in a session name becomes `-`.
  package func expand(host: String, role: RoleName, slot: String) throws(Problem) -> String {
    let host = Self.cleaned(host)
    let full = joined(host: host, role: role, slot: slot)
    guard full.utf8.count > Self.maxLength else {
      guard full.utf8.count >= 2 else { throw .tooShort }
      return full
    }
    let hosts = parts.count { $0 == .host }
    let others = full.utf8.count - hosts * host.utf8.count
    let room = hosts == 0 ? 0 : (Self.maxLength - others) / hosts
    guard room >= Self.hashLength else { throw .tooLong(others + hosts * Self.hashLength) }
    let short = String(host.prefix(room - Self.hashLength)) + Self.hash(of: host)
    return joined(host: short, role: role, slot: slot)
  }

  /// What is before the first user and behind the last one, on a host whose name isn't shortened; nil if the template has no user.
  func aroundUser(host: String, role: RoleName) -> (before: String, after: String)? {
    guard let first = parts.firstIndex(of: .user), let last = parts.lastIndex(of: .user) else { return nil }
    let host = Self.cleaned(host)
    func text(_ parts: ArraySlice<Part>) -> String {
      SessionNameTemplate(parts: Array(parts)).joined(host: host, role: role, slot: "0")
    }
    return (text(parts[..<first]), text(parts[(last + 1)...]))
  }

  private static func cleaned(_ host: String) -> String {
    host.utf8.allSatisfy(allows) ? host : String(host.map { allows($0) ? $0 : "-" })
  }

  private func joined(host: String, role: RoleName, slot: String) -> String {
    parts.map { part in
      switch part {
      case .text(let text): text
      case .host: host
      case .role: role.description
      // No user's label is a number, and no shard's: the ring's sessions are no user's and no shard's.
      case .slot, .user, .shard: slot
      case .scope: ""
      }
    }.joined()
  }

  private static func place(named name: Substring) throws(Problem) -> Part {
    switch name {
    case "host": .host
    case "role": .role
    case "slot": .slot
    case "scope": .scope
    case "user": .user
    case "shard": .shard
    default: throw .unknownPlace(String(name))
    }
  }

  private static func allows(_ character: Character) -> Bool {
    character.asciiValue.map(allows) ?? false
  }

  private static func allows(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "."), UInt8(ascii: "@"), UInt8(ascii: "-"), UInt8(ascii: "_"): true
    default: byte.isLetterOrDigit
    }
  }

  /// FNV-1a of 32 bits as hex digits: the same on every run and machine.
  private static func hash(of text: String) -> String {
    let value = text.utf8.reduce(into: UInt32(2_166_136_261)) { $0 = ($0 ^ UInt32($1)) &* 16_777_619 }
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: hashLength - digits.count) + digits
  }
}
