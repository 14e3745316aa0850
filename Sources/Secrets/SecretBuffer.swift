/// A growing buffer to compose a secret in; every block that it outgrows is overwritten before it is freed.
package struct SecretBuffer: ~Copyable {
  private var base: UnsafeMutablePointer<UInt8>
  private var capacity: Int
  package private(set) var count = 0

  /// A `capacity` near the final size avoids moving to a larger block; 0 is allowed.
  package init(capacity: Int = 256) {
    self.capacity = max(capacity, 16)
    base = SecretMemory.allocate(self.capacity)
  }

  package mutating func append(_ byte: UInt8) {
    reserve(1)
    base[count] = byte
    count += 1
  }

  package mutating func append(_ bytes: Span<UInt8>) {
    reserve(bytes.count)
    let start = base + count
    bytes.withUnsafeBufferPointer { source in
      guard let from = source.baseAddress else { return }
      start.update(from: from, count: source.count)
    }
    count += bytes.count
  }

  package mutating func append(_ secret: Secret) {
    secret.withBytes { append($0) }
  }

  /// Appends text that isn't secret, such as keys and separators.
  package mutating func append(_ text: StaticString) {
    text.withUTF8Buffer { append($0.span) }
  }

  /// Appends text that isn't secret; a secret never is a String.
  package mutating func append(_ text: String) {
    // Not by `utf8.span`: of a short string it dangles in optimised builds (Swift 6.3.1).
    let isDone: Void? = text.utf8.withContiguousStorageIfAvailable { append($0.span) }
    if isDone == nil { for byte in text.utf8 { append(byte) } }
  }

  /// Replaces the bytes from `place` on by as many others.
  package mutating func replace(from place: Int, by bytes: Span<UInt8>) {
    precondition(place >= 0 && place + bytes.count <= count, "beyond the buffer's end")
    let start = base + place
    bytes.withUnsafeBufferPointer { source in
      guard let from = source.baseAddress else { return }
      start.update(from: from, count: source.count)
    }
  }

  /// Overwrites what there is, to begin again: in the same block, unless that is a large one.
  package mutating func clear() {
    SecretMemory.wipe(base, count)
    count = 0
    guard capacity > SecretPages.largestShared else { return }
    SecretMemory.deallocate(base, capacity)
    capacity = SecretPages.largestShared
    base = SecretMemory.allocate(capacity)
  }

  package func withBytes<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
    try body(UnsafeBufferPointer(start: base, count: count).span)
  }

  /// The bytes so far as a secret of exactly their size; the buffer itself is wiped, or becomes the secret if it has that size.
  package consuming func finish() -> Secret {
    guard SecretMemory.isSameBlock(capacity, count) else { return withBytes { Secret(copying: $0) } }
    return adopted()
  }

  private consuming func adopted() -> Secret {
    let (base, count) = (base, count)
    discard self
    return Secret(adopting: base, count: count)
  }

  private mutating func reserve(_ more: Int) {
    guard count + more > capacity else { return }
    let wider = max(capacity * 2, count + more)
    let moved = SecretMemory.allocate(wider)
    moved.update(from: base, count: count)
    SecretMemory.deallocate(base, capacity)
    base = moved
    capacity = wider
  }

  deinit { SecretMemory.deallocate(base, capacity) }
}
