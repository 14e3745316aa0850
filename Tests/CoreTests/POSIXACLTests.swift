import Core
import Testing

@Suite struct POSIXACLTests {
  /// A list of entries: tag, permissions, id.
  private static func bytes(_ entries: [(tag: UInt8, permissions: UInt8, id: UInt16)]) -> [UInt8] {
    [2, 0, 0, 0]
      + entries.flatMap { [$0.tag, 0, $0.permissions, 0, UInt8($0.id & 0xFF), UInt8($0.id >> 8), 0, 0] }
  }

  /// As the kernel had it after `setfacl -m u:1234:rwx` on a directory of mode 0755, which then showed 0775.
  private static let oneUser = bytes([
    (0x01, 7, 0xFFFF), (0x02, 7, 1234), (0x04, 5, 0xFFFF), (0x10, 7, 0xFFFF), (0x20, 5, 0xFFFF),
  ])

  @Test func `the entry that lets somebody write is found`() throws {
    let list = try #require(POSIXACL(Self.oneUser))
    let entry = try #require(list.grant(of: 2, besides: [0]))
    #expect(entry.subject == .user(1234) && entry.text("alice") == "user:alice:rwx")
    #expect(list.grant(of: 2, besides: [1234]) == nil, "the group may only read")
    #expect(list.grant(of: 4, besides: [1234])?.text("") == "group::r-x")
  }

  @Test func `a permission that the mask removes isn't granted`() throws {
    let list = try #require(
      POSIXACL(Self.bytes([(0x02, 7, 1234), (0x08, 6, 2000), (0x04, 7, 0), (0x10, 4, 0), (0x20, 0, 0)])))
    #expect(list.grant(of: 2, besides: []) == nil)
    #expect(list.grant(of: 4, besides: [1234])?.text("media") == "group:media:rw-")
  }

  @Test(arguments: [[], [2, 0, 0], [1, 0, 0, 0], [2, 0, 0, 0, 1], Array(oneUser.dropLast()), bytes([(0x40, 7, 0)])])
  func `bytes that aren't such a list are refused`(_ bytes: [UInt8]) { #expect(POSIXACL(bytes) == nil) }
}
