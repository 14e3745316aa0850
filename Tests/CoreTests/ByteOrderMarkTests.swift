import Core
import Testing

@Suite struct ByteOrderMarkTests {
  @Test(
    arguments: [
      ([0xEF, 0xBB, 0xBF, 0x61], [0x61]), ([0xEF, 0xBB, 0xBF], []), ([0xEF, 0xBB], [0xEF, 0xBB]), ([], []),
      // Only one, and only in front.
      ([0xEF, 0xBB, 0xBF, 0xEF, 0xBB, 0xBF], [0xEF, 0xBB, 0xBF]),
      ([0x61, 0xEF, 0xBB, 0xBF], [0x61, 0xEF, 0xBB, 0xBF]),
    ] as [([UInt8], [UInt8])])
  func `a mark in front of UTF-8 is skipped, once`(_ text: [UInt8], _ rest: [UInt8]) {
    #expect(ByteOrderMark.removed(from: text) == rest)
  }

  @Test(
    arguments: [
      ([0xFF, 0xFE, 0x61, 0], true), ([0xFE, 0xFF], true), ([0xFF], false), ([0xEF, 0xBB, 0xBF], false), ([], false),
    ] as [([UInt8], Bool)])
  func `UTF-16 is recognised by its mark, in either byte order`(_ text: [UInt8], _ isUTF16: Bool) {
    #expect(ByteOrderMark.isUTF16(text.span) == isUTF16)
  }
}
