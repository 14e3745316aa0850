package import Core
import Glibc

/// Why the loopback URI can't be served.
package enum LoopbackError: Error, CustomStringConvertible {
  case call(LoopbackAddress, String, CInt)
  /// The kernel can't be asked at all.
  case noQuestions(CInt)
  /// The kernel doesn't answer.
  case noAnswers(CInt)

  /// Whether the address is free, and only the callers there couldn't be identified.
  package var isAboutCallers: Bool {
    if case .call = self { false } else { true }
  }

  package var description: String {
    switch self {
    case .call(let address, let call, let number): "'\(address)': \(call): \(text(number)); \(fix(address, number))"
    case .noQuestions(let number):
      "callers of the loopback URI can't be identified: a netlink socket: \(text(number)); \(fix(number))"
    case .noAnswers(let number):
      "callers of the loopback URI can't be identified: the kernel doesn't report whose a TCP socket is: \(text(number)); run: sudo modprobe tcp_diag"
    }
  }

  private func fix(_ number: CInt) -> String {
    switch number {
    // RestrictAddressFamilies= without AF_NETLINK (systemd.exec(5)).
    case EAFNOSUPPORT, EACCES, EPERM:
      "the unit needs the drop-in \(LoopbackDropIn.name); run: \(LoopbackDropIn.install)"
    default: "try again; descriptors or memory may have run out"
    }
  }

  private func fix(_ address: LoopbackAddress, _ number: CInt) -> String {
    switch number {
    case EADDRINUSE:
      "another process listens there; 'sudo ss -ltnp sport = :\(address.port)' shows it; stop that or choose another port"
    case EACCES: "choose a port above 1023, or allow CAP_NET_BIND_SERVICE"
    case EADDRNOTAVAIL, EAFNOSUPPORT:
      "this host, or the daemon's unit, has no such address; take it out of loopback.listen"
    default: "try again; descriptors or memory may have run out"
    }
  }

  private func text(_ number: CInt) -> String { String(cString: strerror(number)) }
}
