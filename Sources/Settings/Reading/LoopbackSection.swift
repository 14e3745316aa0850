import Core

extension LoopbackSettings {
  /// Nil if there is to be no loopback URI, and if an error was reported.
  static func read(_ main: TableReader) -> LoopbackSettings? {
    let table = main.table(Schema.loopback, Schema.Loopback.table)
    guard main.isWritten(Schema.loopback) else { return nil }
    let key = Schema.Loopback.listen
    if table.isEmptyList(key), !table.isMisspelt(key) {
      table.findings.error(
        table.place(of: key), "names no address", "write listen = \(key.example), or take [loopback] out")
    }
    var addresses: [LoopbackAddress] = []
    for (text, place) in table.texts(key) {
      guard let address = LoopbackAddress(text) else {
        table.findings.error(
          place, "has '\(text)', expected 127.0.0.1:PORT or [::1]:PORT, a literal with a port",
          "write \(key.name) = [\"\(meant(by: text))\"]")
        continue
      }
      guard !addresses.contains(address) else {
        table.findings.error(place, "has '\(text)' twice", "remove one of them")
        continue
      }
      addresses.append(address)
      checkPort(of: address, at: place, table)
    }
    guard !addresses.isEmpty else { return nil }
    checkUnit(table)
    return LoopbackSettings(addresses: addresses)
  }

  /// The loopback address with the port of `text`, or else with the example's.
  private static func meant(by text: String) -> String {
    let port = text.split(separator: ":").last.flatMap { UInt16(decimal: $0) } ?? 0
    let address = text.contains("[") || text.hasPrefix("::") ? "[::1]" : "127.0.0.1"
    return "\(address):\(port > 0 ? port : 7180)"
  }

  private static func checkPort(of address: LoopbackAddress, at place: Place, _ table: TableReader) {
    guard table.context.check != nil, let ports = ClientPorts(of: table.context.host), ports.mayGiveAway(address.port)
    else { return }
    let (first, last) = (ports.range.lowerBound, ports.range.upperBound)
    table.findings.warning(
      place,
      "has '\(address)', and the kernel gives ports from \(first) to \(last) to any client, so it may be taken when the daemon starts",
      "\(first > 1024 ? "choose a port below \(first)" : "choose a port outside"), or add it to net.ipv4.ip_local_reserved_ports (sysctl.d(5))"
    )
  }

  private static func checkUnit(_ table: TableReader) {
    guard table.context.check?.unit?.opensNetlink == false else { return }
    table.findings.warning(
      table.place(of: Schema.Loopback.listen),
      "needs to ask the kernel who is calling, and the unit doesn't let the daemon do that: AF_NETLINK isn't in RestrictAddressFamilies=, so nothing will be served there",
      "run: \(LoopbackDropIn.install)")
  }
}
