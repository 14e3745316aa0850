import Glibc

/// The latest head of a connection: most clients that stay repeat their request, and a repeated head needn't be parsed again.
///
/// Takes memory only from a client's second request on.
struct LatestHead: ~Copyable {
  /// Longer heads aren't kept.
  private static let mostBytes = 512

  private var storage = UnsafeMutableBufferPointer<UInt8>(start: nil, count: 0)
  /// The length of the head in bytes; 0 if none is kept.
  private(set) var count = 0
  private(set) var fields = HeadFields()
  /// The handler's note for this head.
  private(set) var note: Int?

  init() {}

  deinit { storage.deallocate() }

  /// Whether `bytes` begin with it.
  func isAtStart(of bytes: UnsafeMutableBufferPointer<UInt8>) -> Bool {
    guard count > 0, bytes.count >= count else { return false }
    return memcmp(storage.baseAddress!, bytes.baseAddress!, count) == 0
  }

  /// Keeps a head, or none if this one is too long or was decoded in place.
  mutating func keep(_ bytes: UnsafeMutableBufferPointer<UInt8>, _ fields: HeadFields) {
    clear()
    if bytes.count > Self.mostBytes || fields.isDecoded { return }
    storage = .allocate(capacity: bytes.count)
    _ = storage.initialize(fromContentsOf: bytes)
    (count, self.fields) = (bytes.count, fields)
  }

  mutating func add(note: Int) { if count > 0 { self.note = note } }

  mutating func clear() {
    if count == 0 { return }
    storage.deallocate()
    storage = UnsafeMutableBufferPointer(start: nil, count: 0)
    (count, note) = (0, nil)
  }
}
