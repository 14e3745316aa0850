/// The addresses of a host in the order in which a request tries them.
///
/// libcurl 7.88 (Debian 12) tries another address of the same family only when one of its timers fires, even if an address refuses
/// at once: after 0.2 s the first time, then each time after half of the remaining connect timeout
/// (findings/libcurl-next-address.sh). So it gets one address of each family at a time, which it handles well (RFC 8305), and this
/// type provides the next ones.
struct AddressesToTry {
  let all: [String]
  private var left: [String]
  /// The addresses that libcurl has been given: one, or one of each family.
  private(set) var current: [String] = []
  /// All addresses given so far, including the current ones.
  private(set) var tried: [String] = []

  init(_ all: [String] = []) {
    self.all = all
    left = all
  }

  var hasMore: Bool { !left.isEmpty }

  /// Moves on to the next addresses; false if there are none.
  mutating func goOn() -> Bool {
    guard !left.isEmpty else { return false }
    let first = left.removeFirst()
    current = [first]
    if let other = left.firstIndex(where: { Self.isIPv6($0) != Self.isIPv6(first) }) {
      current.append(left.remove(at: other))
    }
    tried += current
    return true
  }

  private static func isIPv6(_ address: String) -> Bool { address.contains(":") }
}
