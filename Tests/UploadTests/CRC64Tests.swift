import Testing
import Upload

@Suite struct CRC64Tests {
  struct Case: Sendable, CustomTestStringConvertible {
    let text: String
    let value: UInt64
    var testDescription: String { text.isEmpty ? "nothing" : text.debugDescription }
  }

  /// By oss2 2.19.1; that of `123456789` is also in the catalogue of parametrised CRC algorithms (CRC-64/XZ).
  @Test(arguments: [
    Case(text: "", value: 0),
    Case(text: "123456789", value: 0x995D_C9BB_DF19_39FA),
    Case(text: "123456789", value: 11_051_210_869_376_104_954),
    Case(text: "\0", value: 2_282_658_103_124_508_505),
    Case(text: "1234", value: 14_865_968_487_149_912_872),
    Case(text: "56789", value: 7_598_038_797_645_275_211),
  ])
  func `the checksum is the same as that of OSS`(_ row: Case) {
    #expect(sum(Array(row.text.utf8)).value == row.value)
    #expect(sum(Array(row.text.utf8)).description == "\(row.value)")
  }

  @Test func `the checksums of two halves combine into that of the whole`() {
    let (one, other) = (sum(Array("1234".utf8)), sum(Array("56789".utf8)))
    #expect(CRC64.combine(one, other, lengthOfB: 5).value == 11_051_210_869_376_104_954)
    #expect(CRC64.combine(one, CRC64(), lengthOfB: 0) == one)
    #expect(CRC64.combine(CRC64(), other, lengthOfB: 5) == other)
  }

  @Test func `wherever bytes are split, the combined checksum is that of the whole`() {
    var chance = SystemRandomNumberGenerator()
    for _ in 0..<200 {
      let bytes = (0..<Int.random(in: 0...3000, using: &chance)).map { _ in UInt8.random(in: 0...255, using: &chance) }
      var cuts = (0..<Int.random(in: 0...8, using: &chance)).map { _ in Int.random(in: 0...bytes.count, using: &chance)
      }
      cuts = ([0, bytes.count] + cuts).sorted()
      var combined = CRC64()
      var appended = CRC64()
      for (start, end) in zip(cuts, cuts.dropFirst()) {
        let part = Array(bytes[start..<end])
        combined = CRC64.combine(combined, sum(part), lengthOfB: part.count)
        part.withUnsafeBytes { appended.append($0) }
      }
      #expect(combined == sum(bytes), "\(bytes) at \(cuts)")
      #expect(appended == sum(bytes), "\(bytes) at \(cuts)")
    }
  }

  /// Large pieces are summed up in another way than small ones.
  @Test func `bytes one by one give the same checksum as all at once`() {
    var chance = SystemRandomNumberGenerator()
    let bytes = (0..<1500).map { _ in UInt8.random(in: 0...255, using: &chance) }
    for count in 0...bytes.count {
      let start = Int.random(in: 0...bytes.count - count, using: &chance)
      let part = Array(bytes[start..<start + count])
      var small = CRC64()
      for first in stride(from: 0, to: count, by: 37) {
        part[first..<min(count, first + 37)].withUnsafeBytes { small.append($0) }
      }
      #expect(sum(part) == small, "\(part)")
    }
  }

  /// A file of five terabytes takes no longer than one of five bytes; its sum is that of the halves whichever way they are grouped.
  @Test func `checksums of the largest objects are combined`() {
    let (a, b, c) = (CRC64(value: 1), CRC64(value: 0x8000_0000_0000_0003), CRC64(value: 77))
    let (lengthOfB, lengthOfC) = (5 << 40, (1 << 62) - 1 - 5 << 40)
    let left = CRC64.combine(CRC64.combine(a, b, lengthOfB: lengthOfB), c, lengthOfB: lengthOfC)
    let right = CRC64.combine(
      a, CRC64.combine(b, c, lengthOfB: lengthOfC), lengthOfB: lengthOfB + lengthOfC)
    #expect(left == right)
  }

  @Test(arguments: ["0", "11051210869376104954", "18446744073709551615", "007"])
  func `a decimal number is read`(_ text: String) {
    #expect(CRC64(decimal: text)?.value == UInt64(text))
  }

  @Test(arguments: ["", "-1", "+1", " 1", "0x1", "18446744073709551616", "000000000000000000001", "١", "1.0"])
  func `anything else isn't a checksum`(_ text: String) {
    #expect(CRC64(decimal: text) == nil)
  }

  private func sum(_ bytes: [UInt8]) -> CRC64 {
    var sum = CRC64()
    bytes.withUnsafeBytes { sum.append($0) }
    return sum
  }
}
