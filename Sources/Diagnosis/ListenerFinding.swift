import Glibc

/// TCP ports at which something on this host listens, as /proc/net/tcp and tcp6 show them (proc_net(5)).
enum ListeningPorts {
  /// Listening sockets come first there; each line has 150 bytes.
  private static let most = 1 << 18

  /// Those in this process's network; nil if they can't be read.
  static func read() -> Set<UInt16>? {
    let texts = ["/proc/self/net/tcp", "/proc/self/net/tcp6"].compactMap { beginning(of: $0) }
    if texts.isEmpty { return nil }
    var found: Set<UInt16> = []
    for text in texts { found.formUnion(ports(in: text)) }
    return found
  }

  static func ports(in text: String) -> Set<UInt16> {
    Set(
      text.split(separator: "\n").dropFirst().compactMap { line in
        // `0: 0100007F:01BB 00000000:0000 0A …`, where 0A is TCP_LISTEN.
        let fields = line.split(separator: " ", maxSplits: 4)
        guard fields.count > 3, fields[3] == "0A", let port = fields[1].split(separator: ":").last else { return nil }
        return UInt16(port, radix: 16)
      })
  }

  private static func beginning(of path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    let bytes = [UInt8](unsafeUninitializedCapacity: most) { buffer, count in
      while count < buffer.count {
        let got = Glibc.read(descriptor, buffer.baseAddress! + count, buffer.count - count)
        if got < 0, errno == EINTR { continue }
        guard got > 0 else { break }
        count += got
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}

extension Finding {
  /// Whether something listens where other hosts ask a machine of a tier, which is 443 in the configuration of nginx that is installed.
  package static func fleetListener() -> Finding { fleetListener(ListeningPorts.read()) }

  static func fleetListener(_ ports: Set<UInt16>?) -> Finding {
    guard let ports else { return Finding(.skipped, "port 443", "/proc/net/tcp can't be read") }
    if ports.contains(443) { return Finding(.ok, "port 443", "something listens there") }
    return Finding(
      .warning, "port 443", "nothing listens there, where nginx serves other hosts",
      next: "see: systemctl status rolekeeper-nginx; if nginx listens at another port, nothing is wrong")
  }
}
