/// The addresses of a host in the order in which a request tries them.
///
/// libcurl 7.88 (Debian 12) begins with another address of the same family only when one of its timers fires, even where one refuses at
/// once: after 0.2 s the first time, after half of what is left for connecting each time from then on
/// (findings/libcurl-next-address.sh). So it gets one of each family at a time, between which it does well (RFC 8305), and the next ones
/// come from here.
struct AddressesToTry {
  let all: [String]
  private var left: [String]
  /// Those that libcurl has been given: one, or one of each family.
  private(set) var current: [String] = []
  /// Those and the ones before.
  private(set) var tried: [String] = []

  init(_ all: [String] = []) {
    self.all = all
    left = all
  }

  var hasMore: Bool { !left.isEmpty }

  /// Takes the next ones; false when there are none.
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
