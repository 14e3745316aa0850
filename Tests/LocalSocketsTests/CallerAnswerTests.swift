import CLinux
import Glibc
import Testing

@testable import LocalSockets

/// The judgement of the kernel's answers, byte by byte. The layouts are those of `nlmsghdr`, `nlmsgerr` and `inet_diag_msg` in the
/// kernel's include/uapi/linux/netlink.h and inet_diag.h.
@Suite struct CallerAnswerTests {
  /// One end as it is on the wire.
  struct Address {
    var family = AF_INET
    var bytes: [UInt8] = [127, 0, 0, 1]

    static let six = Address(family: AF_INET6, bytes: [UInt8](repeating: 0, count: 15) + [1])
    static let mapped = Address(
      family: AF_INET6, bytes: [UInt8](repeating: 0, count: 10) + [255, 255, 127, 0, 0, 1])
  }

  /// An answer in the making; as it is, about the connection asked for.
  struct Draft {
    var type: UInt16 = 20
    var address = Address()
    var state: UInt8 = 1
    var clientPort: UInt16 = 40_000
    var serverPort: UInt16 = 7180
    var server: Address?
    var uid: UInt32 = 1000
    var inode: UInt32 = 4711
    var size: Int?

    var bytes: [UInt8] {
      var bytes = [UInt8](repeating: 0, count: 88)
      func put<T>(_ value: T, at offset: Int) {
        withUnsafeBytes(of: value) { bytes.replaceSubrange(offset..<offset + $0.count, with: $0) }
      }
      put(UInt32(88), at: 0)
      put(type, at: 4)
      bytes[16] = UInt8(address.family)
      bytes[17] = state
      put(clientPort.bigEndian, at: 20)
      put(serverPort.bigEndian, at: 22)
      bytes.replaceSubrange(24..<24 + address.bytes.count, with: address.bytes)
      let end = (server ?? address).bytes
      bytes.replaceSubrange(40..<40 + end.count, with: end)
      put(uid, at: 80)
      put(inode, at: 84)
      return size.map { Array(bytes.prefix($0)) } ?? bytes
    }
  }

  private static func ends(_ address: Address) -> ConnectionEnds {
    var found = clinux_tcp_ends()
    found.family = address.family
    withUnsafeMutableBytes(of: &found.client) { $0.copyBytes(from: address.bytes) }
    withUnsafeMutableBytes(of: &found.server) { $0.copyBytes(from: address.bytes) }
    (found.client_port, found.server_port) = (UInt16(40_000).bigEndian, UInt16(7180).bigEndian)
    return ConnectionEnds(found)
  }

  private func judge(_ bytes: [UInt8], _ address: Address = Address()) -> Result<UInt32, CallerDoubt> {
    bytes.withUnsafeBytes { CallerAnswer.uid(in: $0, of: Self.ends(address)) }
  }

  @Test func `an answer about exactly this living connection has the user`() {
    #expect(judge(Draft().bytes) == .success(1000))
    #expect(judge(Draft(address: .six).bytes, .six) == .success(1000))
    #expect(judge(Draft(uid: 0).bytes) == .success(0))
  }

  /// Java's sockets are of AF_INET6 and report mapped addresses.
  @Test func `a mapped address is the same address`() {
    #expect(judge(Draft(address: .mapped).bytes) == .success(1000))
    #expect(judge(Draft().bytes, .mapped) == .success(1000))
  }

  /// The kernel reports such a socket without an error as that of uid 0.
  @Test(arguments: [2, 3, 4, 5, 6, 7, 8, 9, 11, 12] as [UInt8])
  func `a client that isn't connected in both directions is nobody`(state: UInt8) {
    #expect(judge(Draft(state: state).bytes) == .failure(.gone))
    #expect(judge(Draft(state: state, uid: 0, inode: 0).bytes) == .failure(.gone))
  }

  @Test func `a client without an inode is held by no process`() {
    #expect(judge(Draft(uid: 0, inode: 0).bytes) == .failure(.gone))
  }

  @Test(arguments: [
    // A listener at the client's port, which is reported if the connection is gone.
    Draft(state: 10, serverPort: 0, server: Address(bytes: [0, 0, 0, 0])),
    Draft(clientPort: 40_001), Draft(serverPort: 7181),
    // The daemon's own end.
    Draft(clientPort: 7180, serverPort: 40_000),
    Draft(address: Address(bytes: [127, 0, 0, 2]), server: Address()), Draft(server: Address(bytes: [127, 0, 0, 2])),
    Draft(address: .six),
  ])
  func `an answer about another socket is no answer`(draft: Draft) {
    #expect(judge(draft.bytes) == .failure(.other))
  }

  @Test func `an error is no answer`() {
    var bytes = [UInt8](repeating: 0, count: 36)
    bytes[4] = 2
    withUnsafeBytes(of: -ENOENT) { bytes.replaceSubrange(16..<20, with: $0) }
    #expect(judge(bytes) == .failure(.failed(ENOENT)))
    withUnsafeBytes(of: Int32(0)) { bytes.replaceSubrange(16..<20, with: $0) }
    #expect(judge(bytes) == .failure(.malformed), "an acknowledgement, which nobody asked for")
  }

  @Test(arguments: [0, 4, 15, 16, 19, 20, 84, 87])
  func `a short answer is no answer`(size: Int) { #expect(judge(Draft(size: size).bytes) == .failure(.malformed)) }

  @Test func `an answer of another type or family is no answer`() {
    #expect(judge(Draft(type: 3).bytes) == .failure(.malformed))
    #expect(judge(Draft(address: Address(family: AF_UNIX)).bytes) == .failure(.malformed))
  }
}
