internal import CLinux
import Glibc
import Secrets

/// The memory of a store: a sealed file in memory, which the service manager keeps when this process ends.
///
/// Records are only appended. Their bytes are written first, then the commit word, so that the store is complete at
/// whatever instruction the process ends. No other process can write to it, not even the next one, which creates its
/// own store.
///
/// Its size is fixed at the start but costs nothing: memory is reserved step by step as it fills, and locked as far as
/// RLIMIT_MEMLOCK allows.
package final class SessionArena {
  package struct Failure: Error, CustomStringConvertible {
    package let description: String

    init(_ attempt: String, _ number: CInt) { description = "\(attempt): \(String(cString: strerror(number)))" }
    init(_ description: String) { self.description = description }
  }

  /// How much memory is reserved at a time, in bytes.
  static let step = 128 << 10

  package let descriptor: CInt
  package let capacity: Int
  /// The number of bytes written; all of them are committed.
  package private(set) var length: Int
  /// How much memory is reserved, and how much of that isn't locked.
  private(set) var reserved: Int
  private(set) var unlocked: Int
  private let base: UnsafeMutableRawPointer

  /// Creates an empty store with room for `capacity` bytes.
  package init(boot: BootID, capacity: Int) throws(Failure) {
    let pages = (capacity + Self.step - 1) / Self.step * Self.step
    var base: UnsafeMutableRawPointer?
    let descriptor = clinux_store_create("sessions", pages, &base)
    guard descriptor >= 0, let base else { throw Failure("make a file in memory", -descriptor) }
    var isLocked: CInt = 0
    let result = clinux_store_reserve(descriptor, base, 0, Self.step, &isLocked)
    guard result == 0 else {
      munmap(base, pages)
      close(descriptor)
      throw Failure("reserve memory for the store", -result)
    }
    self.descriptor = descriptor
    self.base = base
    self.capacity = pages
    reserved = Self.step
    unlocked = isLocked == 0 ? Self.step : 0
    SecretMemory.count(locked: reserved - unlocked, unlocked: unlocked)
    StoreHeader.bytes(of: boot).withUnsafeBytes { base.copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
    length = StoreHeader.size
    commit()
  }

  deinit {
    SecretMemory.count(locked: unlocked - reserved, unlocked: -unlocked)
    munmap(base, capacity)
    close(descriptor)
  }

  /// Whether there is room for `count` more bytes.
  func hasRoom(for count: Int) -> Bool { count <= capacity - length }

  /// Appends complete records. They become visible all at once, or not at all.
  package func append(_ records: Span<UInt8>) throws(Failure) {
    guard hasRoom(for: records.count) else { throw Failure("the store is full, with \(length) bytes") }
    try reserve(length + records.count)
    records.withUnsafeBytes { records in
      guard let start = records.baseAddress else { return }
      (base + length).copyMemory(from: start, byteCount: records.count)
    }
    length += records.count
    commit()
  }

  /// Calls `body` with the bytes in this range, which must be committed.
  func withBytes<R, E: Error>(_ range: Range<Int>, _ body: (Span<UInt8>) throws(E) -> R) throws(E) -> R {
    precondition(range.lowerBound >= 0 && range.upperBound <= length, "beyond the store's end")
    defer { withExtendedLifetime(self) {} }
    let start = UnsafePointer(base.assumingMemoryBound(to: UInt8.self)) + range.lowerBound
    return try body(UnsafeBufferPointer(start: start, count: range.count).span)
  }

  private func commit() {
    clinux_store_commit(base + StoreHeader.commitPlace, StoreHeader.commitWord(length).littleEndian)
  }

  private func reserve(_ end: Int) throws(Failure) {
    while reserved < end {
      var isLocked: CInt = 0
      let result = clinux_store_reserve(descriptor, base, reserved, Self.step, &isLocked)
      guard result == 0 else { throw Failure("reserve memory for the store", -result) }
      reserved += Self.step
      if isLocked == 0 { unlocked += Self.step }
      SecretMemory.count(
        locked: isLocked == 0 ? 0 : Self.step, unlocked: isLocked == 0 ? Self.step : 0)
    }
  }
}

extension SessionArena {
  func append(_ records: Secret) throws(Failure) {
    try records.withBytes { (bytes) throws(Failure) in try append(bytes) }
  }

  /// The record at this range; nil if there is none.
  func record(at range: Range<Int>) -> HandoverRecord? {
    withBytes(range) { bytes in
      var place = 0
      return try? RecordCoding.record(in: bytes, at: &place, end: bytes.count)
    }
  }

  /// Appends one record.
  package func append(_ record: HandoverRecord) throws(Failure) {
    var batch = SecretBuffer(capacity: 1024)
    RecordCoding.append(record, to: &batch)
    try batch.withBytes { (bytes) throws(Failure) in try append(bytes) }
  }
}
