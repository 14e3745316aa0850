/// Where an HTTP proxy is, and who we are to it: `http://HOST:PORT` or `http://USER@HOST:PORT`.
package struct ProxyAddress: Hashable, Sendable, CustomStringConvertible {
  /// Why a text is none. None of them quotes the text, which may hold a password.
  enum Flaw: Error, Hashable {
    case scheme, password, user, port, host
  }

  /// A name, an IPv4 address or an IPv6 address in brackets.
  package let host: String
  package let port: UInt16
  /// 1 to 64 of `A-Z a-z 0-9 . _ + - \`; nil when the proxy asks nobody who they are.
  package let user: String?

  init(_ text: String) throws(Flaw) {
    let scheme = "http://"
    guard text.lowercased().hasPrefix(scheme) else { throw .scheme }
    var rest = text.dropFirst(scheme.count)
    if rest.hasSuffix("/") { rest = rest.dropLast() }
    if let at = rest.lastIndex(of: "@") {
      let user = rest[..<at]
      guard !user.contains(":") else { throw .password }
      guard (1...64).contains(user.utf8.count), user.utf8.allSatisfy(Self.isUserByte) else { throw .user }
      self.user = String(user)
      rest = rest[rest.index(after: at)...]
    } else {
      user = nil
    }
    guard let place = Endpoint(rest) else { throw .host }
    // Proxies have no port that all agree on.
    guard let port = place.port else { throw .port }
    (host, self.port) = (place.host, port)
  }

  /// As libcurl takes it, without the user.
  package var url: String { "http://\(host):\(port)" }
  package var description: String { user.map { "http://\($0)@\(host):\(port)" } ?? url }

  private static func isUserByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "a")...UInt8(ascii: "z"): true
    default: "._+-\\".utf8.contains(byte)
    }
  }
}
