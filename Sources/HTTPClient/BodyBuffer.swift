import CCurl
import Secrets

/// A buffer for one answer's body. Bodies contain credentials, so the bytes are overwritten after use.
final class BodyBuffer {
  private let base: UnsafeMutablePointer<UInt8>
  private let capacity: Int
  private(set) var count = 0

  // Pages beyond the answers' size are never touched, so a large capacity costs no memory.
  init(capacity: Int) {
    self.capacity = capacity
    base = SecretMemory.allocate(capacity)
  }

  /// False if `bytes` don't fit; then none are appended.
  func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count <= capacity - count else { return false }
    if let start = bytes.baseAddress {
      UnsafeMutableRawPointer(base + count).copyMemory(from: start, byteCount: bytes.count)
    }
    count += bytes.count
    return true
  }

  func withBytes(_ body: (Span<UInt8>) -> Void) {
    let bytes = UnsafeBufferPointer(start: base, count: count)
    body(bytes.span)
  }

  func wipe() {
    ccurl_wipe(base, count)
    count = 0
  }

  deinit { SecretMemory.deallocate(base, capacity) }
}
