/// The name of a RAM role across accounts: `acs:ram::ACCOUNT:role/NAME`.
///
/// The account is a number; the role's name has 1 to 64 letters, digits, `.` and `-` (RAM API reference, CreateRole).
package struct RoleARN: Hashable, Sendable, CustomStringConvertible {
  package let account: String
  package let roleName: String

  package init?(_ text: some StringProtocol) {
    let prefix = "acs:ram::"
    guard text.hasPrefix(prefix) else { return nil }
    let rest = text.dropFirst(prefix.count)
    guard let colon = rest.firstIndex(of: ":") else { return nil }
    let account = rest[..<colon]
    let resource = rest[rest.index(after: colon)...]
    guard resource.hasPrefix("role/") else { return nil }
    let name = resource.dropFirst("role/".count)
    guard !account.isEmpty, account.utf8.count <= 32, account.utf8.allSatisfy(Self.isDigit),
      !name.isEmpty, name.utf8.count <= 64,
      name.utf8.allSatisfy({
        Self.isDigit($0) || Self.isLetter($0) || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "-")
      })
    else { return nil }
    self.account = String(account)
    roleName = String(name)
  }

  package var description: String { "acs:ram::\(account):role/\(roleName)" }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }
  private static func isLetter(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
  }
}
