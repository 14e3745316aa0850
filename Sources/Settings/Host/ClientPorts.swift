/// The ports that the kernel gives to clients that ask for none, which it may take from a server that isn't there yet (ip(7)).
///
/// They are the same for IPv4 and IPv6.
struct ClientPorts {
  let range: ClosedRange<UInt16>
  /// Those of `range` that are given to nobody.
  private let reserved: [ClosedRange<UInt16>]

  /// Nil if the host doesn't say.
  init?(of host: any Host) {
    func numbers(_ name: String) -> [Substring]? {
      guard let bytes = try? host.read("/proc/sys/net/ipv4/\(name)", limit: 65_536).bytes else { return nil }
      return String(decoding: bytes, as: UTF8.self).split { $0.isWhitespace || $0 == "," }
    }
    let ends = (numbers("ip_local_port_range") ?? []).compactMap { UInt16($0) }
    guard ends.count == 2, ends[0] <= ends[1] else { return nil }
    range = ends[0]...ends[1]
    reserved = (numbers("ip_local_reserved_ports") ?? []).compactMap { text in
      let ends = text.split(separator: "-").compactMap { UInt16($0) }
      guard let first = ends.first, let last = ends.last, first <= last else { return nil }
      return first...last
    }
  }

  func mayGiveAway(_ port: UInt16) -> Bool { range.contains(port) && !reserved.contains { $0.contains(port) } }
}
