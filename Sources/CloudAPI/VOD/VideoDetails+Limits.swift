internal import Core
internal import JSON

/// The limits of CreateUploadVideo (VOD API reference, 2017-03-21). Lengths are in characters, counted as Unicode scalars: the
/// documentation doesn't define the word.
extension VideoDetails.Draft {
  /// The largest object of a multipart upload: 10,000 parts of 5 GiB.
  private static let largestFile: Int64 = 10_000 * 5 << 30

  func check() throws(VideoDetailsError) {
    try Self.check(title, of: "Title", upTo: 128)
    if let description { try Self.check(description, of: "Description", from: 0, upTo: 1024, onOneLine: false) }
    try checkTags()
    try checkFile()
    try checkCategory()
    try checkTexts()
    if let referenceID, ReferenceID(referenceID) == nil {
      throw VideoDetailsError(
        "ReferenceId", "is '\(referenceID.printable(most: 100))'", allowed: "allowed are 6 to 64 of A-Z a-z 0-9 _ -")
    }
  }

  private static func check(
    _ text: String, of parameter: String, tag place: Int? = nil, from least: Int = 1, upTo most: Int,
    onOneLine: Bool = true
  ) throws(VideoDetailsError) {
    let count = text.unicodeScalars.count
    let suffix = place.map { " in its tag \($0)" } ?? ""
    guard (least...most).contains(count) else {
      throw VideoDetailsError(
        parameter, count > 0 ? "has \(count) characters\(suffix)" : place == nil ? "is empty" : "has no text\(suffix)",
        allowed: "allowed are \(least) to \(most) characters",
        code: count > most ? "LengthExceededMax" : "InvalidParameter")
    }
    if let scalar = text.unicodeScalars.first(where: { !$0.isTakenByVOD(onOneLine: onOneLine) }) {
      throw VideoDetailsError(
        parameter,
        (scalar.isControl ? "has the control character U+\(scalar.hex)" : "has an emoji (U+\(scalar.hex))") + suffix,
        allowed: "VOD takes neither emoji nor control characters", code: "IllegalCharacters")
    }
  }

  private func checkTags() throws(VideoDetailsError) {
    guard tags.count <= 16 else {
      throw VideoDetailsError(
        "Tags", "has \(tags.count) tags", allowed: "allowed are up to 16", code: "TagsExceededMax")
    }
    for (place, tag) in tags.enumerated() {
      try Self.check(tag, of: "Tags", tag: place + 1, upTo: 32)
      if tag.utf8.contains(UInt8(ascii: ",")) {
        throw VideoDetailsError(
          "Tags", "has a comma in its tag \(place + 1)", allowed: "the API separates tags by commas")
      }
    }
  }

  private func checkFile() throws(VideoDetailsError) {
    let allowed = "allowed are \(VideoFormat.extensions.sorted().joined(separator: ", "))"
    guard let name = VideoFormat.pathExtension(of: fileName) else {
      throw VideoDetailsError("FileName", "has no extension", allowed: allowed, code: "InvalidFileName.Extension")
    }
    guard VideoFormat.isTaken(fileName: fileName) else {
      throw VideoDetailsError(
        "FileName", "has the extension '\(name.printable(most: 20))'", allowed: allowed,
        code: "InvalidFileName.Extension")
    }
    if let scalar = fileName.unicodeScalars.first(where: \.isControl) {
      throw VideoDetailsError(
        "FileName", "has the character U+\(scalar.hex)", allowed: "allowed are characters other than control characters"
      )
    }
    if let fileSize, !(0...Self.largestFile).contains(fileSize) {
      throw VideoDetailsError(
        "FileSize", "is \(fileSize) bytes", allowed: "allowed are 0 to \(Self.largestFile) (48.8 TiB)")
    }
  }

  /// The vendor names no limit; ids of categories are positive.
  private func checkCategory() throws(VideoDetailsError) {
    guard let categoryID, categoryID < 1 else { return }
    throw VideoDetailsError("CateId", "is \(categoryID)", allowed: "allowed are whole numbers from 1 on")
  }

  private func checkTexts() throws(VideoDetailsError) {
    if let coverURL {
      let start = coverURL.lowercased()
      guard start.hasPrefix("http://") || start.hasPrefix("https://"), coverURL.utf8.allSatisfy(\.isVisible) else {
        throw VideoDetailsError(
          "CoverURL", "isn't a URL", allowed: "allowed is one that begins with https:// or http://, in ASCII")
      }
    }
    if let userData {
      let count = userData.unicodeScalars.count
      guard count <= 1024 else {
        throw VideoDetailsError(
          "UserData", "has \(count) characters", allowed: "allowed are up to 1024", code: "LengthExceededMax")
      }
      var text = userData
      let isObject = text.withUTF8 { bytes in (try? JSONDocument(bytes.span))?.root.kind == .object }
      guard isObject else {
        throw VideoDetailsError(
          "UserData", "isn't a JSON object", allowed: #"write one such as {"Extend": {"id": "17"}}"#)
      }
    }
    for (parameter, text) in [
      ("TemplateGroupId", templateGroupID), ("WorkflowId", workflowID), ("StorageLocation", storageLocation),
      ("AppId", appID),
    ] {
      guard let text, text.isEmpty || !text.utf8.allSatisfy(\.isVisible) || text.utf8.count > 256 else { continue }
      throw VideoDetailsError(
        parameter, text.isEmpty ? "is empty" : "is no such id",
        allowed: "allowed are 1 to 256 printable ASCII characters, without blanks")
    }
  }
}

extension Unicode.Scalar {
  /// Emoji are refused with IllegalCharacters; the vendor names no others. A character that is an emoji only with a variation
  /// selector is accepted without one.
  fileprivate func isTakenByVOD(onOneLine: Bool) -> Bool {
    if isControl { return !onOneLine && (self == "\n" || self == "\r" || self == "\t") }
    if isASCII { return true }
    return !properties.isEmojiPresentation && !(properties.isEmoji && value > 0xFFFF) && value != 0xFE0F
  }

  /// The category Cc (the Unicode Standard, 23.1), without a look-up.
  var isControl: Bool { value < 0x20 || (0x7F...0x9F).contains(value) }

  fileprivate var hex: String {
    let digits = String(value, radix: 16, uppercase: true)
    return String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }
}
