/// Bytes of a connection that couldn't be served yet: the beginning of a head, or requests behind an unanswered one.
///
/// Takes memory only while there are any.
struct InputBuffer: ~Copyable {
  private var storage = UnsafeMutableBufferPointer<UInt8>(start: nil, count: 0)
  private var start = 0
  private var end = 0

  init() {}

  deinit { storage.deallocate() }

  var isEmpty: Bool { start == end }
  var count: Int { end - start }

  /// The buffered bytes; valid until the next change.
  var bytes: UnsafeMutableBufferPointer<UInt8> { UnsafeMutableBufferPointer(rebasing: storage[start..<end]) }

  mutating func append(_ bytes: UnsafeMutableBufferPointer<UInt8>) {
    let room = reserve(bytes.count)
    _ = room.update(fromContentsOf: bytes)
    end += bytes.count
  }

  /// Room for `count` more bytes after the buffered ones; `extend` reports how many were filled.
  mutating func reserve(_ count: Int) -> UnsafeMutableBufferPointer<UInt8> {
    if storage.count - end < count {
      var capacity = 512
      while capacity < self.count + count { capacity *= 2 }
      let larger = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: capacity)
      larger.initialize(repeating: 0)
      _ = larger.update(fromContentsOf: storage[start..<end])
      storage.deallocate()
      (storage, end, start) = (larger, self.count, 0)
    }
    return UnsafeMutableBufferPointer(rebasing: storage[end..<end + count])
  }

  mutating func extend(_ count: Int) { end += count }

  mutating func removeFirst(_ count: Int) {
    start += count
    if isEmpty { clear() }
  }

  mutating func clear() {
    storage.deallocate()
    storage = UnsafeMutableBufferPointer(start: nil, count: 0)
    (start, end) = (0, 0)
  }
}
