internal import Core
internal import Secrets

extension SessionCredential {
  /// Appends a field where there are no quotes, in `place`. Its readers agree on letters, digits and `+ / = . _ -` only: `#` and `;` begin a
  /// comment for some of them, `%` and `$` a reference for others, and zsh expands a `=` at the beginning. The times' colons mean
  /// nothing to any of them.
  func appendBare(
    _ field: CredentialField, to text: inout SecretBuffer, in place: @autoclosure () -> String
  ) throws(FormatError) {
    let start = text.count
    text.append(value(of: field))
    let isTime = field == .expiration || field == .lastUpdated
    let isBare = text.withBytes { bytes in
      bytes[start] != UInt8(ascii: "=") && (start..<bytes.count).allSatisfy { bytes[$0].isBare || isTime }
    }
    guard isBare else { throw .needsQuotes(field, in: place()) }
  }
}

extension UInt8 {
  fileprivate var isBare: Bool {
    if isLetterOrDigit { return true }
    return switch self {
    case UInt8(ascii: "+"), UInt8(ascii: "/"), UInt8(ascii: "="), UInt8(ascii: "."), UInt8(ascii: "_"),
      UInt8(ascii: "-"):
      true
    default: false
    }
  }
}
