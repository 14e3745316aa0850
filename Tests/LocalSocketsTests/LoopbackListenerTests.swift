import Core
import Glibc
import TestNeeds
import TestSupport
import Testing

@testable import LocalSockets

/// The kernel's own answers about real connections.
@Suite(.serialized) struct LoopbackListenerTests {
  private let inquiry: CallerInquiry
  private let listener: LoopbackListener

  init() throws {
    inquiry = try CallerInquiry()
    listener = try LoopbackListener(TCPSocket.freeAddress(), inquiry)
  }

  private func accept(_ listener: LoopbackListener) throws -> CInt {
    guard listener.hasConnection, case .connection(let descriptor, let peer) = listener.accept() else {
      throw Missing()
    }
    #expect(peer == .unidentified)
    return descriptor
  }

  private struct Missing: Error {}

  @Test(arguments: [false, true])
  func `the user of a living client is found, of an IPv4 and of a mapped socket`(isSix: Bool) throws {
    let client = try #require(TCPSocket(listener.address, asSix: isSix))
    let connection = try accept(listener)
    defer { close(connection) }
    #expect(listener.uid(of: connection) == .success(geteuid()))
    client.send("x")
    #expect(listener.uid(of: connection) == .success(geteuid()))
  }

  @Test func `the user of a client over IPv6 is found`() throws {
    let address = try #require(LoopbackAddress("[::1]:\(TCPSocket.freePort())"))
    let listener = try LoopbackListener(address, inquiry)
    let client = try #require(TCPSocket(address))
    let connection = try accept(listener)
    defer { close(connection) }
    #expect(listener.uid(of: connection) == .success(geteuid()))
    client.close()
    #expect(listener.uid(of: connection) == .failure(.gone))
    #expect(
      LoopbackAddress("127.0.0.1:\(address.port)").flatMap { TCPSocket($0) } == nil, "it takes no IPv4 connections")
  }

  /// It is reported as uid 0.
  @Test func `a client that has closed isn't root`() throws {
    let client = try #require(TCPSocket(listener.address))
    let connection = try accept(listener)
    defer { close(connection) }
    client.close()
    #expect(listener.uid(of: connection) == .failure(.gone))
  }

  @Test func `a client that has shut down sending is nobody, though it still reads`() throws {
    let client = try #require(TCPSocket(listener.address))
    let connection = try accept(listener)
    defer { close(connection) }
    client.stopSending()
    #expect(listener.uid(of: connection) == .failure(.gone))
  }

  @Test func `a client that has reset the connection is nobody`() throws {
    let client = try #require(TCPSocket(listener.address))
    let connection = try accept(listener)
    defer { close(connection) }
    client.reset()
    guard case .failure = listener.uid(of: connection) else {
      Issue.record("there is no client any more")
      return
    }
  }

  @Test func `a second listener at the address is refused with the command that shows the first`() throws {
    let error = #expect(throws: LoopbackError.self) { try LoopbackListener(listener.address, inquiry) }
    let text = try #require(error).description
    #expect(text.contains("'\(listener.address)': bind: ") && text.contains("sport = :\(listener.address.port)"))
  }

  @Test func `without AF_NETLINK the error names the drop-in`() {
    let text = LoopbackError.noQuestions(EAFNOSUPPORT).description
    #expect(text.contains("loopback.conf") && text.contains("systemctl restart rolekeeper"))
  }

  /// Only root can give a socket to another user (fchown(2)); whoever makes it counts otherwise, whoever uses it.
  @Test(.needs(.root)) func `the user is the one to whom the socket belongs`() throws {
    let client = try #require(TCPSocket(listener.address))
    #expect(fchown(client.descriptor, 61_001, gid_t.max) == 0)
    let connection = try accept(listener)
    defer { close(connection) }
    #expect(listener.uid(of: connection) == .success(61_001))
  }
}
