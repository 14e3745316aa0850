@testable import HTTPServer

/// What the server makes of a client's bytes, up to the request it would close the connection behind.
enum Conversation {
  enum Outcome: Equatable {
    case request(Request)
    case refused(HeadRefusal)
    /// Bytes of a head that hasn't ended.
    case unfinished(Int)
  }

  private static let headSize = ServerLimits().headSize

  static func inOnePiece(_ bytes: [UInt8]) -> [Outcome] {
    var outcomes: [Outcome] = []
    var rest = bytes[...]
    while !rest.isEmpty {
      var scan = HeadScan()
      var (outcome, size) = judge(rest.span, &scan)
      if outcome == nil { outcome = .unfinished(rest.count) }
      outcomes.append(outcome!)
      guard case .request(let request) = outcome, request.keepsAlive else { break }
      rest = rest.dropFirst(size)
    }
    return outcomes
  }

  /// As the server receives it: pieces of `next()` bytes into an `InputBuffer`, each byte scanned once.
  static func inPieces(_ input: UnsafeBufferPointer<UInt8>, next: () -> Int) -> [Outcome] {
    var outcomes: [Outcome] = []
    var buffer = InputBuffer()
    var scan = HeadScan()
    var sent = 0
    while sent < input.count {
      let count = min(next(), input.count - sent)
      // What the server reads at most behind the beginning of a head.
      let room = buffer.reserve(count)
      _ = room.update(fromContentsOf: input[sent..<sent + count])
      buffer.extend(count)
      sent += count
      while !buffer.isEmpty {
        let (outcome, size) = judge(buffer.bytes.span, &scan)
        guard let outcome else { break }
        outcomes.append(outcome)
        guard case .request(let request) = outcome, request.keepsAlive else { return outcomes }
        buffer.removeFirst(size)
        scan = HeadScan()
      }
    }
    if !buffer.isEmpty { outcomes.append(.unfinished(buffer.count)) }
    return outcomes
  }

  /// What the first head in `bytes` is, and how long; nil when more of it has to come.
  private static func judge(_ bytes: Span<UInt8>, _ scan: inout HeadScan) -> (Outcome?, Int) {
    switch scan.find(in: bytes.extracting(first: min(bytes.count, headSize))) {
    case .complete(let size): return (parse((0..<size).map { bytes[$0] }), size)
    case .incomplete where bytes.count < headSize: return (nil, 0)
    case .incomplete: return (.refused(.headTooLarge), 0)
    case .refused(let refusal): return (.refused(refusal), 0)
    }
  }

  private static func parse(_ head: [UInt8]) -> Outcome {
    var bytes = head
    do throws(HeadRefusal) {
      let fields = try fields(&bytes)
      return bytes.withUnsafeBufferPointer { .request(Request(fields, RequestHead(fields, $0), of: head, decoded: $0)) }
    } catch {
      return .refused(error)
    }
  }

  private static func fields(_ bytes: inout [UInt8]) throws(HeadRefusal) -> HeadFields {
    var span = bytes.mutableSpan
    return try HeadParser.parse(&span)
  }
}
