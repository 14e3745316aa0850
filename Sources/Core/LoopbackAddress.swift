/// An address of this host alone, with a port: `127.0.0.1:7180` or `[::1]:7180`.
///
/// Only literals: the name `localhost` may resolve to anything, and a web page of another host can make a browser ask for a name that
/// resolves to a loopback address.
package struct LoopbackAddress: Hashable, Sendable, CustomStringConvertible {
  /// The four bytes of an address in 127.0.0.0/8; nil for `::1`.
  package let ipv4: [UInt8]?
  package let port: UInt16

  /// `127.x.y.z:PORT` or `[::1]:PORT`, the port from 1 to 65535; nil for anything else.
  package init?(_ text: String) {
    guard let (host, port) = Self.split(text.utf8), let port else { return nil }
    guard Self.isIPv6(host) || Self.bytes(host) != nil else { return nil }
    ipv4 = Self.bytes(host)
    self.port = port
  }

  package var description: String { "\(host):\(port)" }

  /// As in a URL.
  package var host: String { ipv4.map { $0.map { "\($0)" }.joined(separator: ".") } ?? "[::1]" }

  /// Whether `host`, the value of a request's Host header, is a loopback literal, alone or with `port`. Some SDKs leave the port out.
  package static func admits(host: String, port: UInt16) -> Bool {
    guard let (host, asked) = split(host.utf8) else { return false }
    return asked ?? port == port && (isIPv6(host) || bytes(host) != nil)
  }

  /// The part before the port, and the port; nil if there is a colon and no port from 1 to 65535 behind it.
  private static func split<Text: BidirectionalCollection<UInt8>>(_ text: Text) -> (Text.SubSequence, UInt16?)? {
    guard let colon = text.lastIndex(of: UInt8(ascii: ":")), !text[colon...].contains(UInt8(ascii: "]")) else {
      return (text[...], nil)
    }
    guard let port = UInt16(decimal: text[text.index(after: colon)...]), port > 0 else { return nil }
    return (text[..<colon], port)
  }

  private static func isIPv6(_ host: some Sequence<UInt8>) -> Bool { host.elementsEqual("[::1]".utf8) }

  /// The bytes of a dotted address in 127.0.0.0/8, four decimal numbers without zeros in front: other readers take those for octal.
  private static func bytes(_ host: some Collection<UInt8>) -> [UInt8]? {
    let parts = host.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let bytes = parts.compactMap { $0.count > 1 && $0.first == UInt8(ascii: "0") ? nil : UInt8(decimal: $0) }
    return parts.count == 4 && bytes.count == 4 && bytes[0] == 127 ? bytes : nil
  }
}
