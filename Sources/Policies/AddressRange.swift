import Core

/// An IPv4 or IPv6 address, or a block of them such as `192.0.2.0/24`, as `IpAddress` has them.
struct AddressRange {
  /// In network order: 4 bytes for IPv4, 16 for IPv6.
  private let address: [UInt8]
  private let prefixLength: Int

  init?(_ text: String) {
    let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    guard parts.count <= 2, let address = Self.bytes(of: Array(parts[0])) else { return nil }
    self.address = address
    let longest = address.count * 8
    guard parts.count == 2 else {
      prefixLength = longest
      return
    }
    guard (1...3).contains(parts[1].count), let length = Int(decimal: parts[1]), length <= longest else { return nil }
    prefixLength = length
  }

  /// False for an address of the other family, and for text that isn't an address.
  func contains(_ text: String) -> Bool {
    guard let other = Self.bytes(of: Array(text.utf8)), other.count == address.count else { return false }
    return other.indices.allSatisfy { index in
      let bits = min(8, max(0, prefixLength - index * 8))
      return (other[index] ^ address[index]) >> (8 - bits) == 0
    }
  }

  private static func bytes(of text: [UInt8]) -> [UInt8]? { fourBytes(text[...]) ?? sixteenBytes(text) }

  /// Four decimal numbers without leading zeros, as inet_pton(3) reads them.
  private static func fourBytes(_ text: ArraySlice<UInt8>) -> [UInt8]? {
    let parts = text.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part in
      part.count > 1 && part.first == UInt8(ascii: "0") ? nil : UInt8(decimal: part)
    }
    return parts.count == 4 && numbers.count == 4 ? numbers : nil
  }

  /// The text form of RFC 4291, 2.2: groups of hexadecimal digits, one `::`, and an IPv4 address at the end.
  private static func sixteenBytes(_ text: [UInt8]) -> [UInt8]? {
    let colon = UInt8(ascii: ":")
    guard let gap = text.indices.dropLast().first(where: { text[$0] == colon && text[$0 + 1] == colon }) else {
      return groups(text[...], mayEndInFour: true).flatMap { $0.count == 16 ? $0 : nil }
    }
    guard let start = groups(text[..<gap], mayEndInFour: false),
      let end = groups(text[(gap + 2)...], mayEndInFour: true), start.count + end.count < 16
    else { return nil }
    return start + Array(repeating: 0, count: 16 - start.count - end.count) + end
  }

  private static func groups(_ text: ArraySlice<UInt8>, mayEndInFour: Bool) -> [UInt8]? {
    guard !text.isEmpty else { return [] }
    var bytes: [UInt8] = []
    let parts = text.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if mayEndInFour, index == parts.count - 1, part.contains(UInt8(ascii: ".")) {
        guard let four = fourBytes(part) else { return nil }
        bytes += four
        continue
      }
      let digits = part.compactMap(\.hexValue)
      guard (1...4).contains(part.count), digits.count == part.count else { return nil }
      let group = digits.reduce(UInt16(0)) { $0 << 4 | UInt16($1) }
      bytes += [UInt8(group >> 8), UInt8(group & 0xFF)]
    }
    return bytes.count <= 16 ? bytes : nil
  }
}
