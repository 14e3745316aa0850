import Glibc

/// The host that a connection goes to, where it is known by name.
struct HostToLookUp: Hashable {
  /// In lower case.
  let name: String
  let port: UInt16

  /// From a URL; nil where an address stands in it.
  init?(url: String) {
    guard let authority = url.authority, authority.utf8.first != UInt8(ascii: "[") else { return nil }
    let colon = authority.utf8.firstIndex(of: UInt8(ascii: ":")) ?? authority.endIndex
    let (host, port) = (authority[..<colon], authority[colon...].dropFirst())
    guard !host.isEmpty, !Self.isAddress(String(host)) else { return nil }
    name = host.lowercased()
    self.port = port.isEmpty ? (url.hasPrefix("https:") ? 443 : 80) : UInt16(port) ?? 0
  }

  private static func isAddress(_ text: String) -> Bool {
    var address = in_addr()
    return inet_pton(AF_INET, text, &address) == 1
  }
}
