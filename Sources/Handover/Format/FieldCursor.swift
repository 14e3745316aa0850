import Secrets

/// Reads the fields of a record or header one by one. Each call returns nil if the remaining bytes are too few.
struct FieldCursor {
  private var place: Int
  private let end: Int

  init(_ range: Range<Int>) {
    place = range.lowerBound
    end = range.upperBound
  }

  var isAtEnd: Bool { place == end }

  private mutating func take(_ count: Int) -> Range<Int>? {
    guard count >= 0, count <= end - place else { return nil }
    defer { place += count }
    return place..<place + count
  }

  mutating func number<Number: FixedWidthInteger>(in bytes: Span<UInt8>) -> Number? {
    guard let range = take(MemoryLayout<Number>.size) else { return nil }
    return bytes.withUnsafeBytes {
      Number(littleEndian: $0.loadUnaligned(fromByteOffset: range.lowerBound, as: Number.self))
    }
  }

  /// 0 or 1.
  mutating func flag(in bytes: Span<UInt8>) -> Bool? {
    guard let byte: UInt8 = number(in: bytes), byte <= 1 else { return nil }
    return byte == 1
  }

  /// Numbers, preceded by their count.
  mutating func numbers(in bytes: Span<UInt8>) -> [UInt64]? {
    guard let count: UInt32 = number(in: bytes), Int(count) <= (end - place) / 8 else { return nil }
    return (0..<count).map { _ in number(in: bytes)! }
  }

  /// The range of bytes that are preceded by their count.
  private mutating func counted(in bytes: Span<UInt8>) -> Range<Int>? {
    guard let count: UInt32 = number(in: bytes) else { return nil }
    return take(Int(count))
  }

  mutating func text(in bytes: Span<UInt8>) -> String? {
    guard let range = counted(in: bytes) else { return nil }
    return bytes.extracting(range).withUnsafeBufferPointer { String(validating: $0, as: UTF8.self) }
  }

  mutating func bytes(in bytes: Span<UInt8>) -> [UInt8]? {
    guard let range = counted(in: bytes) else { return nil }
    return bytes.extracting(range).withUnsafeBufferPointer { Array($0) }
  }

  mutating func secret(in bytes: Span<UInt8>) -> Secret? {
    guard let range = counted(in: bytes) else { return nil }
    return Secret(copying: bytes.extracting(range))
  }

  /// A value that is preceded by a flag: 1 if the value exists.
  mutating func optional<Value>(in bytes: Span<UInt8>, _ read: (inout FieldCursor) -> Value?) -> Value?? {
    guard let isThere = flag(in: bytes) else { return nil }
    guard isThere else { return .some(nil) }
    return read(&self).map { .some($0) }
  }
}

extension SecretBuffer {
  /// In little-endian order.
  mutating func appendNumber(_ number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.littleEndian) { append($0.bindMemory(to: UInt8.self).span) }
  }

  mutating func replaceNumber(from place: Int, by number: some FixedWidthInteger) {
    Swift.withUnsafeBytes(of: number.littleEndian) { replace(from: place, by: $0.bindMemory(to: UInt8.self).span) }
  }

  mutating func appendFlag(_ flag: Bool) { append(flag ? 1 : 0) }

  mutating func appendCounted(_ text: String) {
    appendNumber(UInt32(text.utf8.count))
    append(text)
  }

  mutating func appendCounted(_ bytes: Span<UInt8>) {
    appendNumber(UInt32(bytes.count))
    append(bytes)
  }

  mutating func appendCounted(_ secret: Secret) { secret.withBytes { appendCounted($0) } }

  mutating func appendOptional<Value>(_ value: Value?, _ write: (inout SecretBuffer, Value) -> Void) {
    appendFlag(value != nil)
    if let value { write(&self, value) }
  }
}
