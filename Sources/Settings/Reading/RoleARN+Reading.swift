import Core

extension RoleARN {
  /// The role's ARN under `key`; nil if an error was reported.
  static func read(_ table: TableReader, _ key: TextKey) -> RoleARN? {
    guard let text = table.text(key) else { return nil }
    do throws(Flaw) {
      let arn = try RoleARN(parsing: text)
      let digits = arn.account.utf8.count
      if digits != usualAccountDigits {
        table.findings.warning(
          table.place(of: key),
          "has the account number \(arn.account) of \(digits == 1 ? "1 digit" : "\(digits) digits"), and Alibaba Cloud's have \(usualAccountDigits)",
          "copy the ARN from the role's page in the RAM console")
      }
      return arn
    } catch {
      table.findings.error(table.place(of: key), error.sentence(text, form: key.form), remedy(for: text, key))
      return nil
    }
  }
}

extension RoleARN {
  /// Spaces and line breaks around an ARN come from copying. Anything else can't be guessed.
  fileprivate static func remedy(for text: String, _ key: TextKey) -> String {
    var trimmed = text[...]
    while trimmed.first?.isWhitespace == true { trimmed.removeFirst() }
    while trimmed.last?.isWhitespace == true { trimmed.removeLast() }
    let isSound = trimmed.count < text.count && (try? RoleARN(parsing: String(trimmed))) != nil
    return isSound ? key.remedy("\"\(trimmed)\"") : "copy the ARN from the role's page in the RAM console"
  }
}

extension RoleARN.Flaw {
  fileprivate func sentence(_ text: String, form: String) -> String {
    switch self {
    // The text may contain line breaks, so it isn't repeated.
    case .foreign(let scalar, let place):
      "has \(Self.name(of: scalar)) as its character \(place), expected \(form) in ASCII without blanks"
    case .form: "is '\(text)', expected \(form) with the account's number"
    case .accountCharacter(let character):
      "is '\(text)', and an account's number can't have '\(character)', only digits"
    case .longAccount(let digits): "is '\(text)', whose account number has \(digits) digits, which is too many"
    case .roleCharacter(let character):
      "is '\(text)', and a role's name can't have '\(character)', only A-Z a-z 0-9 . -"
    case .roleLength(let length):
      "is '\(text)', whose role name has \(length == 0 ? "no characters" : "\(length) characters"), allowed are 1 to 64"
    }
  }

  /// Many characters look like others, so the code point is shown, too.
  private static func name(of scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    let code = "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
    switch scalar {
    case " ": return "a blank (\(code))"
    case "\n", "\r": return "a line break (\(code))"
    case "\t": return "a tab (\(code))"
    default:
      return scalar.properties.isWhitespace || scalar.value < 0x20 ? "the character \(code)" : "'\(scalar)' (\(code))"
    }
  }
}
