/// Bytes that only their reader sees: they can't be printed, lie in locked memory, and are overwritten when the last reference is
/// released.
///
/// The size is fixed at creation. Sharing is by reference, so that there is one copy however many objects hold it; it stays on the
/// thread that created it. A reader that copies bytes out has to wipe its copy.
package final class Secret {
  private let base: UnsafeMutablePointer<UInt8>
  package let count: Int

  /// Takes ownership of `count` bytes at `base`, allocated from `SecretMemory`.
  init(adopting base: UnsafeMutablePointer<UInt8>, count: Int) {
    self.base = base
    self.count = count
  }

  package convenience init(copying bytes: Span<UInt8>) {
    self.init(unsafeUninitializedCapacity: bytes.count) { room in
      bytes.withUnsafeBufferPointer { _ = room.update(from: $0) }
      return bytes.count
    }
  }

  /// Lets `fill` write up to `capacity` bytes and return how many it wrote; the unused rest is wiped too.
  package convenience init(
    unsafeUninitializedCapacity capacity: Int, initializingWith fill: (UnsafeMutableBufferPointer<UInt8>) -> Int
  ) {
    let room = SecretMemory.allocate(capacity)
    let filled = fill(UnsafeMutableBufferPointer(start: room, count: capacity))
    precondition((0...capacity).contains(filled), "a secret was filled beyond its capacity")
    guard filled < capacity else {
      self.init(adopting: room, count: filled)
      return
    }
    let exact = SecretMemory.allocate(filled)
    exact.update(from: room, count: filled)
    SecretMemory.deallocate(room, capacity)
    self.init(adopting: exact, count: filled)
  }

  /// Gives `body` the bytes in place; the span ends with `body`.
  package func withBytes<R, E: Error>(_ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
    // Only this keeps the object alive while the reader uses the pointer.
    defer { withExtendedLifetime(self) {} }
    return try body(UnsafeBufferPointer(start: base, count: count).span)
  }

  /// Copies all bytes to `place`, which has room for `count`.
  package func copyBytes(to place: UnsafeMutableRawPointer) { place.copyMemory(from: base, byteCount: count) }

  /// Whether both hold the same bytes. The time depends on how many leading bytes agree.
  package func hasSameBytes(as other: Secret) -> Bool {
    self === other
      || withBytes { mine in
        other.withBytes { its in mine.count == its.count && mine.indices.allSatisfy { mine[$0] == its[$0] } }
      }
  }

  deinit {
    SecretMemory.deallocate(base, count)
  }
}

/// However Swift shows the value, the text is the same placeholder.
extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  package var description: String { "<redacted>" }
  package var debugDescription: String { "<redacted>" }
  package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

@available(*, unavailable, message: "a secret stays on the thread that made it")
extension Secret: Sendable {}
