import Core
import Glibc
package import Settings

/// Whether something listens at the loopback URI's addresses. Whether the daemon does is known to its status alone.
package struct LoopbackFindings {
  package let findings: [Finding]
  private static let limit: CInt = 1000

  package init(_ settings: LoopbackSettings) {
    findings = settings.addresses.map { address in
      let subject = "loopback URI http://\(address)"
      switch Self.connect(to: address) {
      case 0: return Finding(.ok, subject, "something listens there")
      case let number:
        return Finding(
          .failed, subject, "nothing can be had there: \(String(cString: strerror(number)))",
          next: "see why it isn't served: rolekeeper status; it takes a drop-in of the unit: \(LoopbackDropIn.install)")
      }
    }
  }

  /// The error's number; 0 if there is a listener.
  private static func connect(to address: LoopbackAddress) -> CInt {
    let family = address.ipv4 == nil ? AF_INET6 : AF_INET
    let descriptor = socket(family, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_NONBLOCK.rawValue), 0)
    guard descriptor >= 0 else { return errno }
    defer { close(descriptor) }
    let result =
      if let bytes = address.ipv4 {
        connect(descriptor, sockaddr_in(bytes, port: address.port))
      } else {
        connect(descriptor, sockaddr_in6(loopbackPort: address.port))
      }
    guard result != 0 else { return 0 }
    guard errno == EINPROGRESS else { return errno }
    var poll = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard Glibc.poll(&poll, 1, limit) == 1 else { return ETIMEDOUT }
    var failure: CInt = 0
    var size = socklen_t(MemoryLayout<CInt>.size)
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 ? failure : errno
  }

  private static func connect<Address>(_ descriptor: CInt, _ address: Address) -> CInt {
    withUnsafeBytes(of: address) { bytes in
      Glibc.connect(
        descriptor, bytes.baseAddress!.assumingMemoryBound(to: sockaddr.self), socklen_t(bytes.count))
    }
  }
}

extension sockaddr_in {
  fileprivate init(_ bytes: [UInt8], port: UInt16) {
    self.init()
    sin_family = sa_family_t(AF_INET)
    sin_port = port.bigEndian
    withUnsafeMutableBytes(of: &sin_addr) { $0.copyBytes(from: bytes) }
  }
}

extension sockaddr_in6 {
  fileprivate init(loopbackPort port: UInt16) {
    self.init()
    sin6_family = sa_family_t(AF_INET6)
    sin6_port = port.bigEndian
    sin6_addr = in6addr_loopback
  }
}
