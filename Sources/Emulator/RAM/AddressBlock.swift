import Glibc

/// An IPv4 or IPv6 address, or a block of them such as `192.0.2.0/24`.
struct AddressBlock {
  /// In network order: 4 bytes for IPv4, 16 for IPv6.
  private let network: [UInt8]
  private let prefixLength: Int

  init?(_ text: String) {
    let parts = text.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count <= 2, let address = Self.bytes(of: String(parts[0])) else { return nil }
    let most = address.count * 8
    guard let length = parts.count == 2 ? Self.length(parts[1]) : most, length <= most else { return nil }
    network = address
    prefixLength = length
  }

  /// False for an address of the other family, and for text that isn't an address.
  func contains(_ text: String) -> Bool {
    guard let address = Self.bytes(of: text), address.count == network.count else { return false }
    return (0..<prefixLength).allSatisfy { bit in
      (address[bit / 8] ^ network[bit / 8]) & (0x80 >> UInt8(bit % 8)) == 0
    }
  }

  private static func length(_ text: Substring) -> Int? {
    (1...3).contains(text.utf8.count) && text.utf8.allSatisfy(RoleReference.isDigit) ? Int(text) : nil
  }

  private static func bytes(of text: String) -> [UInt8]? {
    var four = in_addr()
    if inet_pton(AF_INET, text, &four) == 1 { return withUnsafeBytes(of: four) { Array($0) } }
    var sixteen = in6_addr()
    if inet_pton(AF_INET6, text, &sixteen) == 1 { return withUnsafeBytes(of: sixteen) { Array($0) } }
    return nil
  }
}
