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

  /// Parses the text, or throws what is wrong with it.
  package init(parsing text: some StringProtocol) throws(Flaw) {
    if let (place, scalar) = text.unicodeScalars.enumerated().first(where: { !(0x21...0x7E).contains($1.value) }) {
      throw .foreign(scalar, place: place + 1)
    }
    let prefix = "acs:ram::"
    guard text.hasPrefix(prefix) else { throw .form }
    let rest = text.dropFirst(prefix.count)
    guard let colon = rest.firstIndex(of: ":") else { throw .form }
    let account = rest[..<colon]
    let resource = rest[rest.index(after: colon)...]
    guard !account.isEmpty, resource.hasPrefix("role/") else { throw .form }
    if let character = account.first(where: { $0.asciiValue?.isDigit != true }) { throw .accountCharacter(character) }
    guard account.utf8.count <= 32 else { throw .longAccount(account.utf8.count) }
    let name = resource.dropFirst("role/".count)
    if let character = name.first(where: { !Self.isOfRoleName($0) }) { throw .roleCharacter(character) }
    guard (1...64).contains(name.utf8.count) else { throw .roleLength(name.utf8.count) }
    self.account = String(account)
    roleName = String(name)
  }

  package var description: String { String(joining: "acs:ram::", account, ":role/", roleName) }

  private static func isOfRoleName(_ character: Character) -> Bool {
    character.isASCIILetterOrDigit || character == "." || character == "-"
  }
}
