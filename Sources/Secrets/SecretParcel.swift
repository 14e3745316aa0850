/// A copy of a secret on its way to another thread, where it becomes a `Secret` again. Overwritten when the last reference is released.
package final class SecretParcel: Sendable {
  /// Of memory that `SecretMemory` allocated.
  private let address: UInt
  private let count: Int

  package init(_ secret: Secret) {
    let base = SecretMemory.allocate(secret.count)
    secret.copyBytes(to: base)
    (address, count) = (UInt(bitPattern: base), secret.count)
  }

  deinit { SecretMemory.deallocate(base, count) }

  package func opened() -> Secret {
    // Only this keeps the memory while it is copied.
    defer { withExtendedLifetime(self) {} }
    return Secret(copying: UnsafeBufferPointer(start: base, count: count).span)
  }

  private var base: UnsafeMutablePointer<UInt8> { UnsafeMutablePointer(bitPattern: address)! }
}
