import CLinux
import Core
import Glibc

/// Asks the kernel which user made the socket at the other end of a TCP connection of this host (sock_diag(7)).
///
/// That is weaker than what it reports of a Unix socket's peer: the user is the one who made the socket, and the socket may have been
/// handed to a process of another user since. The process itself isn't known.
package final class CallerInquiry {
  private let descriptor: CInt
  private var number: UInt32 = 0
  private let answer = UnsafeMutableRawBufferPointer.allocate(byteCount: 1024, alignment: 8)

  package init() throws(LoopbackError) {
    descriptor = clinux_socket_questions()
    guard descriptor >= 0 else { throw .noQuestions(-descriptor) }
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
    answer.deallocate()
  }

  /// The user of the client of an accepted connection. Takes some µs, never waits, and needs no memory.
  package func uid(of connection: CInt) -> Result<UInt32, CallerDoubt> {
    var ends = clinux_tcp_ends()
    let failure = clinux_tcp_ends_of(connection, &ends)
    guard failure == 0 else { return .failure(.failed(-failure)) }
    // A connection that the client has reset has no other end any more.
    guard ends.client_port != 0 else { return .failure(.gone) }
    let count = ask(&ends)
    guard count >= 0 else { return .failure(.failed(CInt(-count))) }
    return CallerAnswer.uid(in: UnsafeRawBufferPointer(rebasing: answer[..<count]), of: ConnectionEnds(ends))
  }

  /// Throws if the kernel doesn't answer such questions: it is asked about `listener`, which is there for certain.
  func check(_ listener: CInt) throws(LoopbackError) {
    var ends = clinux_tcp_ends()
    let failure = clinux_tcp_ends_of(listener, &ends)
    guard failure == 0 else { throw .noAnswers(-failure) }
    // A question for a connection from the listener's own address, which doesn't exist, is answered with the listener.
    (ends.client, ends.client_port) = (ends.server, ends.server_port)
    let count = ask(&ends)
    guard count >= 0 else { throw .noAnswers(CInt(-count)) }
    let bytes = UnsafeRawBufferPointer(rebasing: answer[..<count])
    if case .failure(.failed(let number)) = CallerAnswer.uid(in: bytes, of: ConnectionEnds(ends)) {
      throw .noAnswers(number)
    }
  }

  private func ask(_ ends: inout clinux_tcp_ends) -> Int {
    number &+= 1
    return clinux_ask_for_client(descriptor, &ends, number, answer.baseAddress, answer.count)
  }
}
