internal import CLinux
import Glibc
import Secrets

/// The memory that a store is written to: a sealed file that outlives this process in the service manager's hands.
///
/// Records are only appended. The bytes come first, then the commit word, so that a process which ends at any instruction leaves a store
/// that is whole. Nobody else can write to it, this process's successor neither: that one makes a store of its own.
///
/// Its size is fixed when it is made, and costs nothing: memory is reserved step by step as it fills, and locked as far as RLIMIT_MEMLOCK
/// allows.
package final class SessionArena {
  package struct Failure: Error, CustomStringConvertible {
    package let description: String

    init(_ attempt: String, _ number: CInt) { description = "\(attempt): \(String(cString: strerror(number)))" }
    init(_ description: String) { self.description = description }
  }

  /// By so much memory is reserved at a time, in bytes.
  static let step = 128 << 10

  package let descriptor: CInt
  package let capacity: Int
  /// How many bytes are written, of them all committed.
  package private(set) var length: Int
  /// How much memory is reserved, and how much of it isn't locked.
  private(set) var reserved: Int
  private(set) var unlocked: Int
  private let base: UnsafeMutableRawPointer

  /// An empty store for `capacity` bytes.
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

  /// Whether `count` more bytes find room.
  func hasRoom(for count: Int) -> Bool { count <= capacity - length }

  /// Appends whole records: all of them are there from one instant on, or none of them is.
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

  /// The bytes in this range, all of them committed.
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

  /// The record that lies at this place; nil where there is none.
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
