/// The errors of files, stored compactly: thousands of files with the same error share its texts.
struct Troubles {
  private struct Texts {
    var isUnconfirmed: Bool
    var error: Int32
    var fix: Int32
  }

  /// How many texts are compared when another is added. Texts with request IDs all differ.
  private static let mostKnown = 256

  private var rows: [Texts] = []
  private var texts: [String] = []
  private var known: [String: Int32] = [:]

  /// Returns the index of the result's trouble; nil if it has none.
  mutating func add(_ result: UploadResult) -> Int32? {
    guard let trouble = result.trouble else { return nil }
    var isUnconfirmed = false
    if case .unconfirmed = result { isUnconfirmed = true }
    rows.append(Texts(isUnconfirmed: isUnconfirmed, error: place(of: trouble.error), fix: place(of: trouble.fix)))
    return Int32(rows.count - 1)
  }

  private mutating func place(of text: String) -> Int32 {
    if let place = known[text] { return place }
    texts.append(text)
    let place = Int32(texts.count - 1)
    if known.count < Self.mostKnown { known[text] = place }
    return place
  }

  subscript(_ place: Int32) -> UploadResult {
    let row = rows[Int(place)]
    let trouble = UploadResult.Trouble(error: texts[Int(row.error)], fix: texts[Int(row.fix)])
    return row.isUnconfirmed ? .unconfirmed(trouble) : .failed(trouble)
  }

  /// How many different texts are kept.
  var textCount: Int { texts.count }
}
