import Glibc

/// Bytes and a descriptor that a process sends to another one (SCM_RIGHTS, unix(7)).
package enum PassedDescriptor {
  /// Returns 0, or the errno with which the kernel refuses it.
  package static func send(_ descriptor: CInt, with text: String, on socket: CInt) -> CInt {
    var bytes = Array(text.utf8)
    let head = MemoryLayout<cmsghdr>.stride
    // One descriptor after the header, aligned as a cmsghdr has to be.
    var control = [UInt64](repeating: 0, count: (head + MemoryLayout<UInt64>.size) / MemoryLayout<UInt64>.size)
    let sent = bytes.withUnsafeMutableBytes { bytes in
      control.withUnsafeMutableBytes { control in
        var header = cmsghdr()
        header.cmsg_len = head + MemoryLayout<CInt>.size
        header.cmsg_level = SOL_SOCKET
        header.cmsg_type = CInt(SCM_RIGHTS)
        control.storeBytes(of: header, as: cmsghdr.self)
        control.storeBytes(of: descriptor, toByteOffset: head, as: CInt.self)
        var part = iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
        return withUnsafeMutablePointer(to: &part) { part in
          var message = msghdr()
          message.msg_iov = part
          message.msg_iovlen = 1
          message.msg_control = control.baseAddress
          message.msg_controllen = control.count
          return sendmsg(socket, &message, CInt(MSG_NOSIGNAL))
        }
      }
    }
    return sent < 0 ? errno : 0
  }

  /// Lets a listener's later connections be sent descriptors, as kernels before Linux 6.16 do: SO_PASSRIGHTS, 83 in asm-generic/socket.h.
  /// No effect on those.
  package static func permit(by listener: CInt) {
    var passes: CInt = 1
    setsockopt(listener, SOL_SOCKET, 83, &passes, socklen_t(MemoryLayout<CInt>.size))
  }

  /// Whether the kernel can refuse descriptors.
  package static var isRefusable: Bool {
    let probe = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue), 0)
    defer { close(probe) }
    var value: CInt = 0
    var size = socklen_t(MemoryLayout<CInt>.size)
    return getsockopt(probe, SOL_SOCKET, 83, &value, &size) == 0
  }
}

/// A pipe whose write end is passed away: its reader sees the end once nobody has that any more.
package final class PassedPipe {
  private var ends: [CInt] = [-1, -1]

  package init() { pipe(&ends) }
  deinit { for end in ends where end >= 0 { close(end) } }

  package var writeEnd: CInt { ends[1] }

  package func closeWriteEnd() {
    close(ends[1])
    ends[1] = -1
  }

  /// Whether nobody has the write end any more.
  package var isAtEnd: Bool { isAtEnd(within: 0) }

  /// The same, after up to ten seconds: a child that another test has just started has the write end, too, until it runs its program.
  package var hasEnded: Bool { isAtEnd(within: SocketEnd.timeout) }

  private func isAtEnd(within milliseconds: CInt) -> Bool {
    var question = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
    return poll(&question, 1, milliseconds) == 1 && question.revents & Int16(POLLHUP) != 0
  }
}
