import FuzzSupport

@testable import HTTPServer

/// What a client sends: requests, one behind another.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let input = UnsafeBufferPointer(start: data, count: size)
  let whole = Conversation.inOnePiece(Array(input))
  for outcome in whole {
    if case .request(let request) = outcome { check(request) }
  }
  var chance = Chance(of: input)
  let pieces = Conversation.inPieces(input) { Int.random(in: 1...64, using: &chance) }
  require(whole == pieces, "cut into pieces it is read as \(pieces), in one piece as \(whole)")
  let bytes = Conversation.inPieces(input) { 1 }
  require(whole == bytes, "byte by byte it is read as \(bytes), in one piece as \(whole)")
  return 0
}

private func check(_ request: Request) {
  PlainReading.check(request)
  for text in request.segments + request.query.flatMap({ [$0.name, $0.value] }) {
    require(text.utf8.allSatisfy { (0x20...0x7E).contains($0) }, "a decoded text isn't printable ASCII: \(request)")
  }
  require(!request.keepsAlive || request.isHTTP11, "HTTP/1.0 is kept alive: \(request)")
  require(Set(request.query.map(\.name)).count == request.query.count, "a query name occurs twice: \(request)")

  let canonical = request.canonicalText
  guard canonical.targetLength <= HeadParser.maximumTarget else { return }
  let again = Conversation.inOnePiece(canonical.head)
  guard again.count == 1, case .request(let reread) = again[0] else {
    return require(false, "written again it is read as \(again), not as \(request)")
  }
  require(reread.hasSameMeaning(as: request), "written again it is \(reread), was \(request)")
}
