/// What went wrong with files, in few bytes: thousands that fail alike have their texts once.
struct Troubles {
  private struct Texts {
    var isUnconfirmed: Bool
    var error: Int32
    var fix: Int32
  }

  /// Texts that are searched for when another comes. Those that name a request are all different.
  private static let mostKnown = 256

  private var rows: [Texts] = []
  private var texts: [String] = []
  private var known: [String: Int32] = [:]

  /// Returns the place of a result that has a trouble; nil of another.
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
