package import Core
import Glibc

/// The client's end of a TCP connection to a loopback address.
package final class TCPSocket {
  package private(set) var descriptor: CInt

  /// Connects to `address`. `isSix` makes it a socket of AF_INET6 in any case, with mapped addresses. Nil if nobody listens there.
  package init?(_ address: LoopbackAddress, asSix isSix: Bool = false) {
    let ipv4 = address.ipv4
    let usesSix = isSix || ipv4 == nil
    descriptor = socket(usesSix ? AF_INET6 : AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var bytes = [UInt8](repeating: 0, count: 16)
    if let ipv4, usesSix {
      bytes.replaceSubrange(10..<16, with: [255, 255] + ipv4)
    } else if let ipv4 {
      bytes.replaceSubrange(0..<4, with: ipv4)
    } else {
      bytes[15] = 1
    }
    guard descriptor >= 0, Self.connect(descriptor, bytes, usesSix, address.port) == 0 else {
      close()
      return nil
    }
  }

  private static func connect(_ descriptor: CInt, _ bytes: [UInt8], _ isSix: Bool, _ port: UInt16) -> CInt {
    if isSix {
      var place = sockaddr_in6()
      place.sin6_family = sa_family_t(AF_INET6)
      place.sin6_port = port.bigEndian
      withUnsafeMutableBytes(of: &place.sin6_addr) { $0.copyBytes(from: bytes) }
      return connect(descriptor, &place)
    }
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = port.bigEndian
    withUnsafeMutableBytes(of: &place.sin_addr) { $0.copyBytes(from: bytes.prefix(4)) }
    return connect(descriptor, &place)
  }

  private static func connect<Address>(_ descriptor: CInt, _ place: inout Address) -> CInt {
    withUnsafeBytes(of: &place) {
      $0.withMemoryRebound(to: sockaddr.self) {
        Glibc.connect(descriptor, $0.baseAddress, socklen_t(MemoryLayout<Address>.size))
      }
    }
  }

  /// A socket that is bound to this port of 127.0.0.1, if that is free; 0 is any free one.
  fileprivate static func bound(_ port: UInt16 = 0) -> CInt {
    let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var place = sockaddr_in()
    place.sin_family = sa_family_t(AF_INET)
    place.sin_port = port.bigEndian
    place.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    withUnsafeBytes(of: &place) {
      $0.withMemoryRebound(to: sockaddr.self) {
        _ = bind(descriptor, $0.baseAddress, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    return descriptor
  }

  fileprivate static func port(of descriptor: CInt) -> UInt16 {
    var place = sockaddr_in()
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    withUnsafeMutableBytes(of: &place) {
      $0.withMemoryRebound(to: sockaddr.self) { _ = getsockname(descriptor, $0.baseAddress, &size) }
    }
    return UInt16(bigEndian: place.sin_port)
  }

  /// A port that is free now, and that the kernel gives to nobody who asks for any (32768 and up by default).
  package static func freePort() -> UInt16 {
    while true {
      let wanted = UInt16.random(in: 10_000..<32_000)
      let descriptor = bound(wanted)
      defer { Glibc.close(descriptor) }
      if port(of: descriptor) == wanted { return wanted }
    }
  }

  package static func freeAddress() -> LoopbackAddress { LoopbackAddress("127.0.0.1:\(freePort())")! }

  @discardableResult
  package func send(_ text: String) -> Int { Glibc.send(descriptor, text, text.utf8.count, CInt(MSG_NOSIGNAL)) }

  /// All that comes until the other end closes, or an end of it for an answer that is kept open.
  package func receive() -> String {
    var all: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65536)
    while case let count = recv(descriptor, &buffer, buffer.count, 0), count > 0 { all += buffer[..<count] }
    return String(decoding: all, as: UTF8.self)
  }

  package func receiveNow() -> String {
    var buffer = [UInt8](repeating: 0, count: 65536)
    let count = recv(descriptor, &buffer, buffer.count, CInt(MSG_DONTWAIT))
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : ""
  }

  package func stopSending() { shutdown(descriptor, CInt(SHUT_WR)) }
  /// Sends a reset in place of an end.
  package func reset() {
    var option = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &option, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  package func close() {
    if descriptor >= 0 { Glibc.close(descriptor) }
    descriptor = -1
  }

  deinit { close() }
}

/// A socket that listens at a free port of 127.0.0.1 and accepts nothing.
package final class ListeningPort {
  package let port: UInt16
  private let descriptor: CInt

  package init() {
    descriptor = TCPSocket.bound()
    port = TCPSocket.port(of: descriptor)
    listen(descriptor, 8)
  }

  deinit { close(descriptor) }
}
