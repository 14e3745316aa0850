import Glibc

/// The host that a connection goes to, where it is known by name.
struct HostToLookUp: Hashable {
  /// In lower case.
  let name: String
  let port: UInt16

  /// From a URL; nil where an address stands in it.
  init?(url: String) {
    guard let scheme = url.firstRange(of: "://") else { return nil }
    let authority = url[scheme.upperBound...].prefix { !"/?#".contains($0) }
    guard !authority.hasPrefix("[") else { return nil }
    let parts = authority.split(separator: ":", maxSplits: 1)
    guard let host = parts.first, !Self.isAddress(String(host)) else { return nil }
    name = host.lowercased()
    port = parts.count > 1 ? UInt16(parts[1]) ?? 0 : url.hasPrefix("https:") ? 443 : 80
  }

  private static func isAddress(_ text: String) -> Bool {
    var address = in_addr()
    return inet_pton(AF_INET, text, &address) == 1
  }
}
