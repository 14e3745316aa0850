/// The name of a RAM role across accounts: `acs:ram::ACCOUNT:role/NAME`.
///
/// The account is a number; the role's name has 1 to 64 letters, digits, `.` and `-` (RAM API reference, CreateRole).
package struct RoleARN: Hashable, Sendable, CustomStringConvertible {
  /// Why a text isn't a role's ARN.
  package enum Flaw: Error, Hashable, Sendable {
    /// A blank, a control character or a non-ASCII character; `place` counts from 1.
    case foreign(Unicode.Scalar, place: Int)
    /// The text doesn't have the form of a role's ARN.
    case form
    case accountCharacter(Character)
    /// The account has more than 32 digits: this many.
    case longAccount(Int)
    case roleCharacter(Character)
    /// The role's name is empty or longer than 64 characters: this many.
    case roleLength(Int)
  }

  /// How many digits account numbers usually have. Whether some have another count isn't confirmed: the settings only warn.
  package static let usualAccountDigits = 16

  package let account: String
  package let roleName: String

  package init?(_ text: some StringProtocol) {
    guard let arn = try? RoleARN(parsing: text) else { return nil }
    self = arn
  }

  /// Parses the text, or throws its first flaw.
  package init(parsing text: some StringProtocol) throws(Flaw) {
    // By bytes: thousands of roles are read at each start.
    let text = String(text)
    let bytes = text.utf8
    guard bytes.allSatisfy({ (0x21...0x7E).contains($0) }) else { throw Self.foreignScalar(in: text) }
    let (prefix, infix) = ("acs:ram::".utf8, "role/".utf8)
    guard bytes.starts(with: prefix) else { throw .form }
    let rest = bytes.dropFirst(prefix.count)
    guard let colon = rest.firstIndex(of: UInt8(ascii: ":")) else { throw .form }
    let account = rest[..<colon]
    let resource = rest[colon...].dropFirst()
    guard !account.isEmpty, resource.starts(with: infix) else { throw .form }
    if let byte = account.first(where: { !$0.isDigit }) { throw .accountCharacter(Character(Unicode.Scalar(byte))) }
    guard account.count <= 32 else { throw .longAccount(account.count) }
    let name = resource.dropFirst(infix.count)
    if let byte = name.first(where: { !Self.isOfRoleName($0) }) {
      throw .roleCharacter(Character(Unicode.Scalar(byte)))
    }
    guard (1...64).contains(name.count) else { throw .roleLength(name.count) }
    self.account = String(Substring(account))
    roleName = String(Substring(name))
  }

  private static func foreignScalar(in text: String) -> Flaw {
    guard let (place, scalar) = text.unicodeScalars.enumerated().first(where: { !(0x21...0x7E).contains($1.value) })
    else { return .form }
    return .foreign(scalar, place: place + 1)
  }

  package var description: String { String(joining: "acs:ram::", account, ":role/", roleName) }

  private static func isOfRoleName(_ byte: UInt8) -> Bool {
    byte.isLetterOrDigit || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "-")
  }
}
