import HTTPServer

/// A text that grows bit by bit, in parts: nothing is copied as it grows, and each part is gone as soon as it was sent.
struct LongText {
  /// A whole number of pages with the array's own words; malloc keeps pieces as large as that apart, so that they leave the memory.
  private static let partSize = 256 * 1024 - 64
  /// A part is full when it has less room left; one that is written beyond its end grows.
  private static let slack = 4096
  /// So much is put together, and sent at once.
  private static let largestWhole = 32 * 1024

  private var full: [PlainBytes] = []
  /// The part that grows; whoever writes to it calls `endBit` then.
  var open: [UInt8] = []
  private var fullCount = 0

  var count: Int { fullCount + open.count }

  /// `expected` is about how long it will get.
  init(expecting expected: Int = 0) {
    // Room that isn't written to is no memory.
    if expected > 0 { open.reserveCapacity(expected > Self.slack ? Self.partSize : expected) }
  }

  mutating func append(_ bytes: [UInt8]) {
    open += bytes
    endBit()
  }

  /// `other` has no full part.
  mutating func append(_ other: LongText) { append(other.open) }

  /// Begins another part if this one is full.
  mutating func endBit() {
    guard open.count > Self.partSize - Self.slack else { return }
    fullCount += open.count
    full.append(PlainBytes(open))
    open = []
    open.reserveCapacity(Self.partSize)
  }

  /// All that is in `texts`, one behind the other.
  static func response(_ texts: [LongText], type: Answer.MediaType) -> Response {
    let count = texts.reduce(0) { $0 + $1.count }
    let head = Answer.head(status: 200, type: type, length: count)
    if count <= largestWhole {
      // None of them has a full part.
      return Response(head: head, body: PlainBytes(texts.flatMap(\.open)))
    }
    let parts = texts.flatMap { $0.full + ($0.open.isEmpty ? [] : [PlainBytes($0.open)]) }
    return Response(head: head, body: parts.first, rest: Array(parts.dropFirst()))
  }
}
