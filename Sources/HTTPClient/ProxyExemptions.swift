import Core
import Glibc

/// Hosts that are connected to without the proxy, as the environment's no_proxy lists them (curl(1), NO_PROXY).
///
/// Entries are separated by commas or blanks. A name stands for that host and its subdomains, with or without a leading dot; an
/// address for itself; `10.0.0.0/8` and `fd00::/8` for a network; `*` for every host. A port after a name is ignored.
package struct ProxyExemptions: Hashable, Sendable {
  private enum Entry: Hashable {
    case every
    case name(String)
    case network(Address, bits: Int)
  }

  /// The address's bytes in network order, 4 or 16.
  private typealias Address = [UInt8]

  private let entries: [Entry]

  package init(_ text: String) {
    entries = text.utf8.split { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }
      .compactMap { Self.entry(String($0)!.lowercased()) }
  }

  private static func entry(_ text: String) -> Entry? {
    if text == "*" { return .every }
    let parts = text.utf8.split(separator: UInt8(ascii: "/"), maxSplits: 1, omittingEmptySubsequences: false)
    if let address = address(of: withoutPort(String(parts[0])!)) {
      guard parts.count == 2 else { return .network(address, bits: address.count * 8) }
      guard let bits = Int(decimal: parts[1]), bits <= address.count * 8 else { return nil }
      return .network(address, bits: bits)
    }
    let name = name(text)
    return name.isEmpty ? nil : .name(name)
  }

  /// Whether a connection to the host of `url` goes without the proxy.
  func contain(hostOf url: String) -> Bool {
    guard !entries.isEmpty, let authority = url.urlAuthority else { return false }
    let host = String(authority).lowercased()
    let address = Self.address(of: Self.withoutPort(host))
    let name = Self.name(host)
    return entries.contains { entry in
      switch entry {
      case .every: true
      case .name(let other): address == nil && (name == other || name.hasSuffix(".\(other)"))
      case .network(let other, let bits): address.map { Self.agree($0, other, bits) } ?? false
      }
    }
  }

  private static func agree(_ one: Address, _ other: Address, _ bits: Int) -> Bool {
    guard one.count == other.count else { return false }
    return one.indices.allSatisfy { place in
      let rest = min(8, max(0, bits - place * 8))
      return (one[place] ^ other[place]) >> (8 - rest) == 0
    }
  }

  /// Without leading and trailing dots, and without a port.
  private static func name(_ text: String) -> String {
    var name = withoutPort(text)[...]
    while name.utf8.first == UInt8(ascii: ".") { name = name.dropFirst() }
    while name.utf8.last == UInt8(ascii: ".") { name = name.dropLast() }
    return String(name)
  }

  private static func withoutPort(_ text: String) -> String {
    if text.utf8.first == UInt8(ascii: "[") { return String(text.prefix { $0 != "]" } + "]") }
    return text.utf8.count { $0 == UInt8(ascii: ":") } == 1 ? String(text.prefix { $0 != ":" }) : text
  }

  /// Nil for anything but an address; an IPv6 address may be in brackets.
  private static func address(of text: String) -> Address? {
    let isBracketed = text.hasPrefix("[") && text.hasSuffix("]")
    let text = isBracketed ? String(text.dropFirst().dropLast()) : text
    var four = in_addr()
    if !isBracketed, inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: &four) { Array($0) } }
    var six = in6_addr()
    return inet_pton(AF_INET6, text, &six) == 1 ? withUnsafeBytes(of: &six) { Array($0) } : nil
  }
}
