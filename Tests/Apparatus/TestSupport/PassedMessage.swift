import Glibc

/// A datagram with the descriptors that came along, which are the receiver's to close (SCM_RIGHTS, unix(7)).
package struct PassedMessage {
  package private(set) var text = ""
  package private(set) var descriptors: [CInt] = []

  package init() {}

  /// Takes the next one; false where there is none (`flags` as in recv(2), by default it isn't waited for).
  package mutating func receive(from socket: CInt, flags: CInt = CInt(MSG_DONTWAIT)) -> Bool {
    var buffer = [UInt8](repeating: 0, count: 4096)
    // Room for a few descriptors, aligned as a cmsghdr has to be.
    var control = [UInt64](repeating: 0, count: 16)
    let count = buffer.withUnsafeMutableBytes { buffer in
      control.withUnsafeMutableBytes { control in
        var part = iovec(iov_base: buffer.baseAddress, iov_len: buffer.count)
        return withUnsafeMutablePointer(to: &part) { part in
          var message = msghdr()
          message.msg_iov = part
          message.msg_iovlen = 1
          message.msg_control = control.baseAddress
          message.msg_controllen = control.count
          let count = recvmsg(socket, &message, flags | CInt(MSG_CMSG_CLOEXEC))
          if count >= 0 {
            descriptors = Self.descriptors(in: UnsafeRawBufferPointer(control), length: message.msg_controllen)
          }
          return count
        }
      }
    }
    guard count >= 0 else { return false }
    text = String(decoding: buffer.prefix(count), as: UTF8.self)
    return true
  }

  /// The descriptors of the first control message; a sender of ours has one.
  private static func descriptors(in control: UnsafeRawBufferPointer, length: Int) -> [CInt] {
    let head = MemoryLayout<cmsghdr>.stride
    guard length >= head else { return [] }
    let message = control.load(as: cmsghdr.self)
    guard message.cmsg_level == SOL_SOCKET, message.cmsg_type == SCM_RIGHTS else { return [] }
    return stride(from: head, to: min(length, Int(message.cmsg_len)), by: MemoryLayout<CInt>.size).map {
      control.loadUnaligned(fromByteOffset: $0, as: CInt.self)
    }
  }
}
