/// A user's name as the cloud's records have it, in RoleSessionName and SourceIdentity: no two users have the same.
///
/// It has 2 characters or more of `A-Z a-z 0-9 . @ - _`, which both allow (STS API reference, AssumeRole). It is the user's name, if that is so
/// short and plain; otherwise it ends in `u` and the uid, and no user's own name is taken that ends so, too. No label ends in `@` and what
/// may be the name of a scope, since RoleSessionName has `@` between user and scope.
package struct UserLabel: Hashable, Sendable {
  package let text: String
  package let uid: UInt32

  /// The longest label: names are no longer on Linux (useradd(8)).
  private static let mostBytes = 32

  /// `name` is nil for a user without one.
  package init(uid: UInt32, name: String?) {
    self.uid = uid
    guard let name, !name.isEmpty else {
      text = "u\(uid)"
      return
    }
    let isPlain = (2...Self.mostBytes).contains(name.utf8.count) && name.utf8.allSatisfy(Self.allows)
    let isOwn = isPlain && !Self.endsInNumber(name) && !Self.endsInScope(name)
    text = isOwn ? name : Self.marked(name, uid, most: Self.mostBytes)
  }

  /// The label in at most `most` bytes, 11 or more.
  package func shortened(to most: Int) -> String {
    text.utf8.count <= most ? text : Self.marked(text, uid, most: most)
  }

  /// The same for a user whose name another one has, too.
  package var withNumber: UserLabel { UserLabel(text: Self.marked(text, uid, most: Self.mostBytes), uid: uid) }

  /// Whether the user has a name.
  package var isNamed: Bool { text != "u\(uid)" }
  /// Whether it ends in the uid, so that no other user can have it.
  package var hasNumber: Bool { Self.endsInNumber(text) }

  /// The most bytes of a label that is as short as possible.
  package static let leastRoom = "u\(UInt32.max)".utf8.count

  private init(text: String, uid: UInt32) { (self.text, self.uid) = (text, uid) }

  private static func marked(_ name: String, _ uid: UInt32, most: Int) -> String {
    let number = "u\(uid)"
    let room = most - number.utf8.count - 1
    guard room > 0 else { return number }
    let plain = name.unicodeScalars.prefix(room).map { scalar in
      scalar.isASCII && scalar != "@" && allows(UInt8(scalar.value)) ? Character(scalar) : "-"
    }
    return "\(String(plain))-\(number)"
  }

  /// Whether it is a number, or ends like a label with a number: alone, or after `-`.
  private static func endsInNumber(_ name: String) -> Bool {
    let bytes = Array(name.utf8)
    let digits = bytes.reversed().prefix { $0.isDigit }.count
    if digits == bytes.count { return true }
    guard digits > 0, bytes[bytes.count - digits - 1] == UInt8(ascii: "u") else { return false }
    let before = bytes.count - digits - 2
    return before < 0 || bytes[before] == UInt8(ascii: "-")
  }

  /// Whether a text ends in `@` and what may be the name of a scope.
  package static func endsInScope(_ name: String) -> Bool {
    name.utf8.lastIndex(of: UInt8(ascii: "@")).map { RoleName(name[name.index(after: $0)...]) != nil } ?? false
  }

  private static func allows(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "."), UInt8(ascii: "@"), UInt8(ascii: "-"), UInt8(ascii: "_"): true
    default: byte.isLetterOrDigit
    }
  }
}
