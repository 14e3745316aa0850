import HTTPServer

/// A text that grows in parts: nothing is copied as it grows, and each part is released as soon as it has been sent.
struct LongText {
  /// A whole number of pages including the array's header; malloc maps pieces of that size separately, so that they go back to the
  /// system.
  private static let partSize = 256 * 1024 - 64
  /// A part is full if it has less room left; a part that outgrows its size is reallocated.
  private static let slack = 4096
  /// Up to this size the text is joined and sent at once.
  private static let largestWhole = 32 * 1024

  private var full: [PlainBytes] = []
  /// The part that grows; `endBit` has to be called after writing to it.
  var open: [UInt8] = []
  private var fullCount = 0

  var count: Int { fullCount + open.count }

  /// `expected` is its approximate final length.
  init(expecting expected: Int = 0) {
    // Reserved room that isn't written to takes no memory.
    if expected > 0 { open.reserveCapacity(expected > Self.slack ? Self.partSize : expected) }
  }

  mutating func append(_ bytes: [UInt8]) {
    open += bytes
    endBit()
  }

  /// `other` must not have a full part.
  mutating func append(_ other: LongText) { append(other.open) }

  /// Begins another part if this one is full.
  mutating func endBit() {
    guard open.count > Self.partSize - Self.slack else { return }
    fullCount += open.count
    full.append(PlainBytes(open))
    open = []
    open.reserveCapacity(Self.partSize)
  }

  /// A response of all `texts`, one after the other.
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
