import Glibc
import TestSupport
import Testing

@testable import Secrets

/// The pages that secrets are in.
@Suite struct SecretMemoryTests {
  @Test func `blocks of all sizes don't overlap, start zeroed and hold what is written`() {
    var pages = SecretPages()
    var blocks: [(base: UnsafeMutableRawPointer, count: Int, mark: UInt8)] = []
    var generator = SeededGenerator(seed: 7)
    for round in 0..<20_000 {
      if !blocks.isEmpty, Int.random(in: 0..<100, using: &generator) < (round < 10_000 ? 40 : 60) {
        let gone = blocks.remove(at: .random(in: blocks.indices, using: &generator))
        let bytes = UnsafeMutableRawBufferPointer(start: gone.base, count: gone.count)
        #expect(bytes.allSatisfy { $0 == gone.mark }, "somebody else wrote there")
        bytes.initializeMemory(as: UInt8.self, repeating: 0)
        pages.free(gone.base, gone.count)
      } else {
        let count =
          Int.random(in: 0..<100, using: &generator) == 0
          ? Int.random(in: 4097...70_000, using: &generator) : Int.random(in: 0...4096, using: &generator)
        let base = pages.allocate(count)
        let bytes = UnsafeMutableRawBufferPointer(start: base, count: count)
        #expect(bytes.allSatisfy { $0 == 0 })
        let mark = UInt8.random(in: 1...255, using: &generator)
        bytes.initializeMemory(as: UInt8.self, repeating: mark)
        blocks.append((base, count, mark))
      }
    }
    for block in blocks {
      UnsafeMutableRawBufferPointer(start: block.base, count: block.count).initializeMemory(
        as: UInt8.self, repeating: 0)
      pages.free(block.base, block.count)
    }
    // Of each size of block, in steps of 64 bytes up to 4 KiB, one chunk stays at most, and some that weren't used yet.
    let most = (64 + SecretPages.chunksAtOnce) * 65_536
    #expect(pages.figures.locked + pages.figures.unlocked < most, "\(pages.figures)")
  }

  @Test func `memory for 40,000 secrets is little more than their size`() {
    var pages = SecretPages()
    let blocks = (0..<40_000).map { _ in pages.allocate(800) }
    let taken = pages.figures.locked + pages.figures.unlocked
    #expect(taken < 40_000 * 800 * 11 / 10, "\(taken)")
    for block in blocks { pages.free(block, 800) }
    #expect(pages.figures.locked + pages.figures.unlocked <= SecretPages.chunksAtOnce * 65_536)
  }

  /// A credential in another format than the daemon's took a tenth longer for the system calls of four more chunks.
  @Test func `the first blocks of several sizes come from one mapping`() {
    var pages = SecretPages()
    let first = pages.allocate(64)
    let figures = pages.figures
    let blocks = [256, 512, 1024, 4096].map { ($0, pages.allocate($0)) }
    #expect(pages.figures == figures || figures.unlocked > 0, "without permission to lock memory each has its own")
    pages.free(first, 64)
    for (count, block) in blocks { pages.free(block, count) }
  }

  @Test func `a secret's pages are locked and left out of dumps`() throws {
    let secret = Secret(copying: Array("Marked".utf8).span)
    let address = secret.withBytes { bytes in bytes.withUnsafeBufferPointer { UInt(bitPattern: $0.baseAddress) } }
    let flags = try #require(try Self.flags(ofPageWith: address))
    #expect(flags.contains("dd"), "left out of dumps")
    // Without permission to lock memory there is nothing to check here; the daemon's tests ensure that both cases run.
    if SecretMemory.figures.unlocked == 0 { #expect(flags.contains("lo"), "locked") }
    withExtendedLifetime(secret) {}
  }

  /// The VmFlags of proc_pid_smaps(5).
  static func flags(ofPageWith address: UInt) throws -> Set<Substring>? {
    let file = try #require(fopen("/proc/self/smaps", "re"))
    defer { fclose(file) }
    var line = [CChar](repeating: 0, count: 4096)
    var isHere = false
    while fgets(&line, CInt(line.count), file) != nil {
      let text = String(decoding: line.prefix { $0 != 0 && $0 != 10 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      let first = text.prefix { $0 != " " }
      let ends = first.split(separator: "-").compactMap { UInt($0, radix: 16) }
      if ends.count == 2, !first.hasSuffix(":") { isHere = (ends[0]..<ends[1]).contains(address) }
      if isHere, text.hasPrefix("VmFlags:") { return Set(text.split(separator: " ").dropFirst()) }
    }
    return nil
  }
}
