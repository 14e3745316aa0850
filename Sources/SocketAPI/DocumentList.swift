import HTTPServer
import Wire

/// The items of a list in a JSON document, written bit by bit.
struct DocumentList {
  private(set) var text: LongText
  private var isEmpty = true

  /// `expected` is its approximate final length.
  init(expecting expected: Int = 0) { text = LongText(expecting: expected) }

  mutating func add(_ document: some WireDocument) {
    if !isEmpty { text.open.append(UInt8(ascii: ",")) }
    isEmpty = false
    document.append(to: &text.open)
    text.endBit()
  }

  /// A response of the document `frame`, in its pieces, with a list in each gap.
  static func response(_ frame: [[UInt8]], _ lists: [DocumentList]) -> Response {
    var texts: [LongText] = []
    for (place, piece) in frame.enumerated() {
      var text = LongText()
      text.append(piece)
      texts.append(text)
      if place < lists.count { texts.append(lists[place].text) }
    }
    return LongText.response(texts, type: .json)
  }
}
