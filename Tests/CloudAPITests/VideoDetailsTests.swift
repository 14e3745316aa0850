import CloudAPI
import Testing

@Suite struct VideoDetailsTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let change: @Sendable (inout VideoDetails.Draft) -> Void
    /// The error's text; nil if the value is allowed.
    let error: String?
    var code = "InvalidParameter"
    var testDescription: String { name }

    init(
      _ name: String, _ error: String? = nil, code: String = "InvalidParameter",
      _ change: @escaping @Sendable (inout VideoDetails.Draft) -> Void
    ) {
      self.name = name
      self.change = change
      self.error = error
      self.code = code
    }
  }

  static func text(_ count: Int) -> String { String(repeating: "视", count: count) }
  static let scalars = "VOD takes neither emoji nor control characters"

  @Test(arguments: [
    Case("title of 128") { $0.title = text(128) },
    Case("title of 129", "'Title' has 129 characters; allowed are 1 to 128 characters", code: "LengthExceededMax") {
      $0.title = text(129)
    },
    Case("decomposed title", "'Title' has 129 characters; allowed are 1 to 128 characters", code: "LengthExceededMax") {
      $0.title = String(repeating: "a", count: 127) + "e\u{301}"
    },
    Case("category 1") { $0.categoryID = 1 },
    Case("category 0", "'CateId' is 0; allowed are whole numbers from 1 on") { $0.categoryID = 0 },
    Case("category below 0", "'CateId' is -1; allowed are whole numbers from 1 on") { $0.categoryID = -1 },
    Case("no title", "'Title' is empty; allowed are 1 to 128 characters") { $0.title = "" },
    Case("emoji in title", "'Title' has an emoji (U+1F600); \(scalars)", code: "IllegalCharacters") {
      $0.title = "a😀"
    },
    Case("sign as emoji", "'Title' has an emoji (U+FE0F); \(scalars)", code: "IllegalCharacters") {
      $0.title = "❤\u{FE0F}"
    },
    Case("flag", "'Title' has an emoji (U+1F1E8); \(scalars)", code: "IllegalCharacters") { $0.title = "🇨🇳" },
    Case("line feed in title", "'Title' has the control character U+000A; \(scalars)", code: "IllegalCharacters") {
      $0.title = "a\nb"
    },
    Case("C1 control in title", "'Title' has the control character U+0085; \(scalars)", code: "IllegalCharacters") {
      $0.title = "a\u{85}"
    },
    Case("rare ideograph, digits and signs") { $0.title = "\u{20000} 0123#* ©®™ ❤ +*~%2A 100%" },
    Case("description of 1024") { $0.description = text(1024) },
    Case(
      "description of 1025", "'Description' has 1025 characters; allowed are 0 to 1024 characters",
      code: "LengthExceededMax"
    ) {
      $0.description = text(1025)
    },
    Case("empty description") { $0.description = "" },
    Case("description of lines") { $0.description = "a\r\nb\tc" },
    Case("bell in description", "'Description' has the control character U+0007; \(scalars)", code: "IllegalCharacters")
    {
      $0.description = "a\u{7}"
    },
    Case("emoji in description", "'Description' has an emoji (U+1F680); \(scalars)", code: "IllegalCharacters") {
      $0.description = "🚀"
    },
    Case("16 tags of 32") { $0.tags = Array(repeating: text(32), count: 16) },
    Case("17 tags", "'Tags' has 17 tags; allowed are up to 16", code: "TagsExceededMax") {
      $0.tags = Array(repeating: "a", count: 17)
    },
    Case(
      "tag of 33", "'Tags' has 33 characters in its tag 2; allowed are 1 to 32 characters", code: "LengthExceededMax"
    ) {
      $0.tags = ["a", text(33)]
    },
    Case("empty tag", "'Tags' has no text in its tag 1; allowed are 1 to 32 characters") { $0.tags = [""] },
    Case("comma in tag", "'Tags' has a comma in its tag 1; the API separates tags by commas") { $0.tags = ["a,b"] },
    Case("accented comma in tag", "'Tags' has a comma in its tag 1; the API separates tags by commas") {
      $0.tags = ["a,\u{301}b"]
    },
    Case("emoji in tag", "'Tags' has an emoji (U+1F3AC) in its tag 1; \(scalars)", code: "IllegalCharacters") {
      $0.tags = ["🎬"]
    },
    Case("upper-case extension") { $0.fileName = "D:\\x\\A.MP4" },
    Case("audio") { $0.fileName = "a.flac" },
    Case("no extension", "'FileName' has no extension; allowed are 3gp, aac, ac3", code: "InvalidFileName.Extension") {
      $0.fileName = "d.mp4/a"
    },
    Case("hidden file", "'FileName' has no extension; allowed are 3gp", code: "InvalidFileName.Extension") {
      $0.fileName = ".mp4"
    },
    Case("dot at the end", "'FileName' has no extension; allowed are 3gp", code: "InvalidFileName.Extension") {
      $0.fileName = "mp4."
    },
    Case("picture", "'FileName' has the extension 'png'; allowed are 3gp", code: "InvalidFileName.Extension") {
      $0.fileName = "a.png"
    },
    Case("line feed in name", "'FileName' has the character U+000A; allowed are") { $0.fileName = "a\n.mp4" },
    Case("size of 48.8 TiB") { $0.fileSize = 53_687_091_200_000 },
    Case("larger", "'FileSize' is 53687091200001 bytes; allowed are 0 to 53687091200000 (48.8 TiB)") {
      $0.fileSize = 53_687_091_200_001
    },
    Case("size below zero", "'FileSize' is -1 bytes; allowed are 0 to") { $0.fileSize = -1 },
    Case("cover by http") { $0.coverURL = "HTTP://example.org/a.png" },
    Case("cover by path", "'CoverURL' isn't a URL; allowed is one that begins with https://") {
      $0.coverURL = "/a.png"
    },
    Case("blank in cover", "'CoverURL' isn't a URL; allowed is one") { $0.coverURL = "https://example.org/a b.png" },
    Case("user data of 1024") { $0.userData = #"{"a":"\#(text(1016))"}"# },
    Case("user data of 1025", "'UserData' has 1025 characters; allowed are up to 1024", code: "LengthExceededMax") {
      $0.userData = #"{"a":"\#(text(1017))"}"#
    },
    Case("user data as text", "'UserData' isn't a JSON object; write one such as {") { $0.userData = "a" },
    Case("user data as list", "'UserData' isn't a JSON object; write one such as {") { $0.userData = "[]" },
    Case("empty user data", "'UserData' isn't a JSON object; write one such as {") { $0.userData = "" },
    Case("empty template", "'TemplateGroupId' is empty; allowed are 1 to 256") { $0.templateGroupID = "" },
    Case("blank in workflow", "'WorkflowId' is no such id; allowed are 1 to 256") { $0.workflowID = "a b" },
    Case("storage of another script", "'StorageLocation' is no such id; allowed") { $0.storageLocation = "é" },
    Case("long application", "'AppId' is no such id; allowed are 1 to 256") {
      $0.appID = String(repeating: "a", count: 257)
    },
    Case("short reference", "'ReferenceId' is 'abcde'; allowed are 6 to 64 of A-Z a-z 0-9 _ -") {
      $0.referenceID = "abcde"
    },
  ])
  func `values that the API takes are accepted unchanged`(_ row: Case) {
    var draft = VideoDetails.Draft(title: "t", fileName: "a.mp4")
    row.change(&draft)
    do {
      let details = try VideoDetails(draft)
      #expect(row.error == nil)
      #expect(details.draft == draft)
    } catch {
      #expect(error.description.hasPrefix(row.error ?? "no error"), "\(error)")
      #expect(error.code == row.code)
    }
  }

  @Test func `extensions are those of VOD, in any case`() {
    #expect(VideoFormat.extensions.count == 41)
    for name in ["a.mp4", "A.Mp4", "x/y.webm", "a.b.ts", "a.m3u8"] { #expect(VideoFormat.isTaken(fileName: name)) }
    for name in ["a.txt", "a.mp4.part", "mp4", "", ".", "a/", "a.mp4/", "a.jpg"] {
      #expect(!VideoFormat.isTaken(fileName: name))
    }
  }
}
