import Core

/// An HTTPS address of STS: `host` or `host:port`.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
  /// A name, an IPv4 address, or an IPv6 address in brackets, as in a URL.
  package let host: String
  /// Nil for 443.
  package let port: UInt16?

  package init?(_ text: some StringProtocol) {
    let text = String(text)
    let (host, port) = Self.split(text)
    guard Self.isHost(host) else { return nil }
    if let port {
      guard let number = UInt16(decimal: port), number > 0 else { return nil }
      self.port = number
    } else {
      self.port = nil
    }
    self.host = String(host)
  }

  package var description: String { port.map { "\(host):\($0)" } ?? host }

  /// Splits at the last colon, unless it is part of an IPv6 address.
  private static func split(_ text: String) -> (host: Substring, port: Substring?) {
    guard let colon = text.lastIndex(of: ":"), text[colon...].firstIndex(of: "]") == nil else {
      return (text[...], nil)
    }
    return (text[..<colon], text[text.index(after: colon)...])
  }

  private static func isHost(_ host: Substring) -> Bool {
    if host.hasPrefix("["), host.hasSuffix("]") {
      let address = host.dropFirst().dropLast()
      return address.contains(":") && address.utf8.allSatisfy { $0.isHexDigit || $0 == UInt8(ascii: ":") }
    }
    let labels = host.split(separator: ".", omittingEmptySubsequences: false)
    return host.utf8.count <= 253
      && labels.allSatisfy { label in
        (1...63).contains(label.utf8.count) && label.first != "-" && label.last != "-"
          && label.utf8.allSatisfy { $0.isLetterOrDigit || $0 == UInt8(ascii: "-") }
      }
  }
}
