import CommandInterface
import Core
import Glibc
import HTTPClient
import Secrets

/// Whether requests use a proxy, and which one: by `--proxy`, or by the environment.
enum ProxyChoice {
  case none
  /// `url` is `http://HOST:PORT`.
  case proxy(url: String, user: String?, password: Secret?)

  /// What is wrong with a proxy's URL, as a clause that follows its name. None quotes the URL, which may have a
  /// password.
  enum Flaw: Error, CustomStringConvertible {
    case scheme, place, user, password

    var description: String {
      switch self {
      case .scheme: "isn't an HTTP proxy; write http://HOST:PORT, or none"
      case .place: "doesn't name host and port; write http://HOST:PORT"
      case .user: "has a user or a password with a character that a URL must escape, as in %40"
      case .password:
        "has a password, which every user of this host can see in the list of processes; put it in https_proxy"
      }
    }
  }

  /// The value of `--proxy`.
  init(option text: String) throws(Flaw) {
    if text == "none" {
      self = .none
      return
    }
    try self.init(Array(text.utf8).span)
    if case .proxy(_, _, .some) = self { throw .password }
  }

  /// `http://[USER[:PASSWORD]@]HOST:PORT[/]`; `http://` may be left out.
  init(_ text: Span<UInt8>) throws(Flaw) {
    var rest = 0..<text.count
    if let end = Self.schemeEnd(text) {
      guard Self.lowercased(text, 0..<end) == "http" else { throw .scheme }
      rest = end + 3..<text.count
    }
    if rest.last.map({ text[$0] == UInt8(ascii: "/") }) == true { rest.removeLast() }
    var login: Range<Int>?
    if let at = rest.last(where: { text[$0] == UInt8(ascii: "@") }) {
      login = rest.lowerBound..<at
      rest = at + 1..<rest.upperBound
    }
    let place = Self.lowercased(text, rest)
    guard Self.isPlace(place) else { throw .place }
    let (user, password) = try Self.login(text, login ?? 0..<0)
    self = .proxy(url: "http://\(place)", user: login == nil ? nil : user, password: password)
  }

  /// The proxy in the environment, by curl(1)'s rules: lower case takes precedence, and an empty variable is ignored.
  static func ofEnvironment() throws(Flaw) -> ProxyChoice {
    for name in ["https_proxy", "HTTPS_PROXY"] {
      guard let text = getenv(name), text.pointee != 0 else { continue }
      // Not as a String: it may hold a password.
      let bytes = UnsafeBufferPointer(
        start: UnsafeRawPointer(text).assumingMemoryBound(to: UInt8.self), count: strlen(text))
      return try ProxyChoice(bytes.span)
    }
    return .none
  }

  static var exemptionsOfEnvironment: ProxyExemptions {
    ProxyExemptions(Environment.value("no_proxy") ?? Environment.value("NO_PROXY") ?? "")
  }

  private static func schemeEnd(_ text: Span<UInt8>) -> Int? {
    guard text.count >= 3 else { return nil }
    return (0..<text.count - 2).first {
      text[$0] == UInt8(ascii: ":") && text[$0 + 1] == UInt8(ascii: "/") && text[$0 + 2] == UInt8(ascii: "/")
    }
  }

  private static func lowercased(_ text: Span<UInt8>, _ range: Range<Int>) -> String {
    String(decoding: range.map { text[$0] }, as: UTF8.self).lowercased()
  }

  /// A host, which may be an IPv6 address in brackets, and a port: there is no default port for proxies that everybody
  /// agrees on.
  private static func isPlace(_ text: String) -> Bool {
    guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return false }
    let host = text.utf8[..<colon]
    let port = text.utf8[text.utf8.index(after: colon)...]
    let isBracketed = host.first == UInt8(ascii: "[") && host.last == UInt8(ascii: "]")
    let isHost = host.allSatisfy { byte in
      byte.isLetterOrDigit || ".-_".utf8.contains(byte) || isBracketed && "[]:".utf8.contains(byte)
    }
    return isHost && !host.isEmpty && (1...5).contains(port.count) && port.allSatisfy(\.isDigit)
      && UInt16(String(decoding: port, as: UTF8.self)).map { $0 > 0 } == true
  }

  /// User and password of a URL, decoded (RFC 3986, sections 2.1 and 3.2.1).
  private static func login(_ text: Span<UInt8>, _ range: Range<Int>) throws(Flaw) -> (String, Secret?) {
    let colon = range.first { text[$0] == UInt8(ascii: ":") }
    let user = try decoded(text, range.lowerBound..<(colon ?? range.upperBound)).withBytes { bytes in
      bytes.withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) }
    }
    guard let user, !user.utf8.contains(UInt8(ascii: ":")) else { throw .user }
    return (user, try colon.map { (colon) throws(Flaw) in try decoded(text, colon + 1..<range.upperBound) })
  }

  private static func decoded(_ text: Span<UInt8>, _ range: Range<Int>) throws(Flaw) -> Secret {
    var bytes = SecretBuffer(capacity: range.count)
    var place = range.lowerBound
    while place < range.upperBound {
      var byte = text[place]
      guard (0x21...0x7E).contains(byte) else { throw .user }
      if byte == UInt8(ascii: "%") {
        guard place + 2 < range.upperBound, let high = text[place + 1].hexValue, let low = text[place + 2].hexValue
        else {
          throw .user
        }
        byte = high << 4 | low
        place += 2
      }
      guard byte >= 0x20, byte != 0x7F else { throw .user }
      bytes.append(byte)
      place += 1
    }
    return bytes.finish()
  }
}
