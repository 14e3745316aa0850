import Glibc
import Secrets
import Testing

/// Looks for a secret in the memory of this very process, as somebody with a core dump would.
@Suite(.serialized) struct WipingTests {
  /// The sizes of a key, a token, a document, and a secret with pages of its own.
  static let sizes = [64, 800, 2000, 8192]

  @Test(arguments: sizes) func `a dropped secret is gone from memory`(_ size: Int) throws {
    let needle = Needle(size)
    var secret: Secret? = needle.secret()
    #expect(try needle.occurrences() == 1)
    withExtendedLifetime(secret) {}
    secret = nil
    #expect(try needle.occurrences() == 0)
  }

  @Test(arguments: sizes) func `a buffer that has grown leaves no copy behind`(_ size: Int) throws {
    let needle = Needle(size)
    var secret: Secret? = needle.secretGrownByteByByte()
    #expect(try needle.occurrences() == 1)
    withExtendedLifetime(secret) {}
    secret = nil
    #expect(try needle.occurrences() == 0)
  }

  @Test(arguments: sizes) func `a parcel holds one copy, and leaves none behind`(_ size: Int) throws {
    let needle = Needle(size)
    var parcel: SecretParcel? = SecretParcel(needle.secret())
    #expect(try needle.occurrences() == 1, "the secret itself is gone")
    var secret = parcel?.opened()
    #expect(try needle.occurrences() == 2)
    parcel = nil
    #expect(secret?.count == size)
    #expect(try needle.occurrences() == 1)
    secret = nil
    #expect(try needle.occurrences() == 0)
  }

  @Test(arguments: sizes) func `a discarded buffer leaves no copy behind`(_ size: Int) throws {
    let needle = Needle(size)
    #expect(try needle.occurrencesWithLiveBuffer() == 1)
    #expect(try needle.occurrences() == 0)
  }

  @Test(arguments: sizes) func `a cleared buffer leaves no copy behind`(_ size: Int) throws {
    let needle = Needle(size)
    var buffer = needle.buffer()
    #expect(try needle.occurrences() == 1)
    buffer.clear()
    #expect(try needle.occurrences() == 0)
    #expect(buffer.count == 0)
  }
}

/// A random pattern, and how often it occurs outside this object.
///
/// Only its end is searched for: an allocator writes its own data over the start of a freed block.
private final class Needle {
  private let pattern: UnsafeMutableBufferPointer<UInt8>
  private var tail: UnsafeMutableRawBufferPointer { .init(rebasing: UnsafeMutableRawBufferPointer(pattern).suffix(48)) }
  private let window = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: 1 << 20)

  init(_ size: Int) {
    pattern = .allocate(capacity: size)
    for index in pattern.indices { pattern[index] = .random(in: 1...255) }
    window.initialize(repeating: 0)
  }

  deinit {
    pattern.deallocate()
    window.deallocate()
  }

  func buffer() -> SecretBuffer {
    var buffer = SecretBuffer()
    buffer.append(UnsafeBufferPointer(pattern).span)
    return buffer
  }

  func secret() -> Secret { Secret(copying: UnsafeBufferPointer(pattern).span) }

  func secretGrownByteByByte() -> Secret {
    var buffer = SecretBuffer(capacity: 0)
    for byte in pattern { buffer.append(byte) }
    for _ in 0..<5000 { buffer.append(UInt8(ascii: "x")) }
    return buffer.finish()
  }

  func occurrencesWithLiveBuffer() throws -> Int {
    var buffer = SecretBuffer(capacity: 0)
    buffer.append(UnsafeBufferPointer(pattern).span)
    let found = try occurrences()
    buffer.append(UInt8(ascii: "x"))
    return found
  }

  func occurrences() throws -> Int {
    let memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC)
    try #require(memory >= 0)
    defer { close(memory) }
    return try writableRegions().reduce(0) { $0 + occurrences(in: $1, of: memory) }
  }

  /// Windows overlap by one byte less than the pattern, so that an occurrence across their border counts, once.
  private func occurrences(in region: Range<UInt>, of memory: CInt) -> Int {
    var found = 0
    var start = region.lowerBound
    while start < region.upperBound {
      let wanted = min(window.count, Int(region.upperBound - start))
      let got = pread(memory, window.baseAddress, wanted, off_t(start))
      guard got >= tail.count else { break }
      found += hits(inFirst: got).count { !isOurs(start + UInt($0)) }
      if got < window.count { break }
      start += UInt(got - tail.count + 1)
    }
    memset(window.baseAddress!, 0, window.count)
    return found
  }

  private func hits(inFirst count: Int) -> [Int] {
    guard let base = window.baseAddress, let pattern = tail.baseAddress else { return [] }
    var hits: [Int] = []
    var at = 0
    while at + tail.count <= count, let hit = memchr(base + at, CInt(tail[0]), count - at - tail.count + 1) {
      at = hit - UnsafeMutableRawPointer(base)
      if memcmp(hit, pattern, tail.count) == 0 { hits.append(at) }
      at += 1
    }
    return hits
  }

  private func isOurs(_ address: UInt) -> Bool {
    let ownWindow = UInt(bitPattern: window.baseAddress)
    return address == UInt(bitPattern: tail.baseAddress)
      || (ownWindow..<ownWindow + UInt(window.count)).contains(address)
  }

  private func writableRegions() throws -> [Range<UInt>] {
    let maps = try #require(fopen("/proc/self/maps", "re"))
    defer { fclose(maps) }
    var regions: [Range<UInt>] = []
    var line = [CChar](repeating: 0, count: 4096)
    while fgets(&line, CInt(line.count), maps) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      let fields = text.split(separator: " ")
      let ends = fields[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
      guard fields[1].hasPrefix("rw"), ends.count == 2 else { continue }
      regions.append(ends[0]..<ends[1])
    }
    return regions
  }
}
