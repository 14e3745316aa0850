import Glibc

/// The host that a connection goes to, if it is given by name.
struct HostToLookUp: Hashable {
  /// In lower case.
  let name: String
  let port: UInt16

  /// Parses it from a URL; nil if the host is an address.
  init?(url: String) {
    guard let authority = url.urlAuthority, authority.utf8.first != UInt8(ascii: "[") else { return nil }
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
