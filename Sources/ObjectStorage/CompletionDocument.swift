/// The body of CompleteMultipartUpload, made piece by piece while it is sent: that of 10,000 parts has a megabyte.
package struct CompletionDocument {
  /// In bytes.
  package let length: Int
  private let count: Int
  private let part: (Int) -> UploadedPart
  /// The next piece: the beginning, the parts, the end.
  private var next = 0
  /// Of the piece before, what hasn't been given out.
  private var rest: ArraySlice<UInt8> = []

  /// `part` gives the part at a place below `count`, the parts in ascending order of their numbers; the same whenever it is asked.
  package init(count: Int, part: @escaping (Int) -> UploadedPart) {
    self.count = count
    self.part = part
    length = (0..<count + 2).reduce(0) { $0 + Self.piece($1, of: count, part).count }
  }

  /// Begins again.
  package mutating func rewind() {
    next = 0
    rest = []
  }

  /// Writes the next bytes into `room`, as many as fit; returns how many, 0 at the end.
  package mutating func read(into room: UnsafeMutableRawBufferPointer) -> Int {
    var filled = 0
    while filled < room.count {
      if rest.isEmpty {
        guard next < count + 2 else { break }
        rest = Self.piece(next, of: count, part)[...]
        next += 1
      }
      let bytes = rest.prefix(room.count - filled)
      UnsafeMutableRawBufferPointer(rebasing: room[filled...]).copyBytes(from: bytes)
      filled += bytes.count
      rest = rest.dropFirst(bytes.count)
    }
    return filled
  }

  private static func piece(_ place: Int, of count: Int, _ part: (Int) -> UploadedPart) -> [UInt8] {
    if place == 0 { return Array("<CompleteMultipartUpload>".utf8) }
    guard place <= count else { return Array("</CompleteMultipartUpload>".utf8) }
    let part = part(place - 1)
    var text = Array("<Part><PartNumber>\(part.number)</PartNumber><ETag>\"".utf8)
    for byte in part.etag.utf8 {
      switch byte {
      case UInt8(ascii: "<"): text.append(contentsOf: "&lt;".utf8)
      case UInt8(ascii: ">"): text.append(contentsOf: "&gt;".utf8)
      case UInt8(ascii: "&"): text.append(contentsOf: "&amp;".utf8)
      default: text.append(byte)
      }
    }
    text.append(contentsOf: "\"</ETag></Part>".utf8)
    return text
  }
}
