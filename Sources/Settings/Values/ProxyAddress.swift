import Core

/// The address of an HTTP proxy and the user to log in as: `http://HOST:PORT` or `http://USER@HOST:PORT`.
package struct ProxyAddress: Hashable, Sendable {
  /// Why a text is no such address. No case quotes the whole text, which may contain a password.
  enum Flaw: Error, Hashable {
    case scheme, password, port, host
    /// A character in the user that has a meaning in URLs; it has to be written as an escape.
    case userCharacter(Character)
    /// A `%` in the user without two hexadecimal digits after it, and the characters that come instead.
    case userEscape(String)
    /// The decoded user isn't UTF-8, or has a colon or a control character.
    case userMeaning(String)
    /// The number of bytes in the decoded user, which is too large.
    case userLength(Int)
  }

  /// A name, an IPv4 address, or an IPv6 address in brackets.
  package let host: String
  package let port: UInt16
  /// 1 to 64 bytes of UTF-8 without control characters and colons, decoded; nil if the proxy requires no login.
  package let user: String?

  init(_ text: String) throws(Flaw) {
    let scheme = "http://"
    guard text.lowercased().hasPrefix(scheme) else { throw .scheme }
    var rest = text.dropFirst(scheme.count)
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    if let at = rest.lastIndex(of: "@") {
      user = try Self.user(rest[..<at])
      rest = rest[rest.index(after: at)...]
    } else {
      user = nil
    }
    guard let place = Endpoint(rest) else { throw .host }
    // There is no default port for proxies that everybody agrees on.
    guard let port = place.port else { throw .port }
    (host, self.port) = (place.host, port)
  }

  /// The address in libcurl's form, without the user.
  package var url: String { "http://\(host):\(port)" }

  /// Decodes the user of a URL (RFC 3986, sections 2.1 and 3.2.1). A backslash, as in `DOMAIN\USER`, needs no escape here.
  private static func user(_ text: Substring) throws(Flaw) -> String {
    guard !text.contains(":") else { throw .password }
    if let character = text.first(where: { !isOfUser($0) }) { throw .userCharacter(character) }
    var bytes: [UInt8] = []
    var rest = text.utf8
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "%") else {
        bytes.append(byte)
        continue
      }
      let digits = String(decoding: rest.prefix(2), as: UTF8.self)
      guard digits.utf8.count == 2, digits.utf8.allSatisfy(\.isHexDigit), let value = UInt8(digits, radix: 16) else {
        throw .userEscape("%" + digits)
      }
      bytes.append(value)
      rest = rest.dropFirst(2)
    }
    guard let user = String(validating: bytes, as: UTF8.self) else { throw .userMeaning("bytes that aren't UTF-8") }
    // A colon would end the user in the proxy's Authorization header (RFC 7617, section 2).
    guard !bytes.contains(UInt8(ascii: ":")) else {
      throw .userMeaning("one with a colon, which no proxy's user can have")
    }
    guard !user.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) else {
      throw .userMeaning("one with a control character")
    }
    guard (1...64).contains(bytes.count) else { throw .userLength(bytes.count) }
    return user
  }

  private static func isOfUser(_ character: Character) -> Bool {
    character.isASCIILetterOrDigit || "._~+-\\%!$&'()*,;=".contains(character)
  }
}
