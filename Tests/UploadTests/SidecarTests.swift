import Glibc
import TestSupport
import Testing

@testable import Upload

@Suite struct SidecarTests {
  private func parse(_ text: String) throws(SidecarError) -> VideoMetadata {
    try Sidecar.parse(Array(text.utf8), path: "clip.json")
  }

  @Test func `every key is read`() throws {
    let metadata = try parse(
      """
      {"title": "Opening night", "description": "a\\nb", "tags": ["2026", "concert"], "cate_id": 1000123456,
       "cover_url": "https://example.com/c.jpg", "template_group_id": "t1", "workflow_id": "w1",
       "storage_location": "outin-1.oss-cn-shanghai.aliyuncs.com", "user_data": {"Extend": {"id": "17 \\u00fc"}},
       "app_id": "app-1000000", "enable_first_frame_cover": true, "generate_thumbnail": false}
      """)
    var expected = VideoMetadata()
    expected.title = "Opening night"
    expected.description = "a\nb"
    expected.tags = ["2026", "concert"]
    expected.categoryID = 1_000_123_456
    expected.coverURL = "https://example.com/c.jpg"
    expected.templateGroupID = "t1"
    expected.workflowID = "w1"
    expected.storageLocation = "outin-1.oss-cn-shanghai.aliyuncs.com"
    expected.userData = #"{"Extend":{"id":"17 \u00fc"}}"#
    expected.appID = "app-1000000"
    expected.enableFirstFrameCover = true
    expected.generateThumbnail = false
    #expect(metadata == expected)
    #expect(try parse(#"{"user_data": "{\"a\": 1}", "cate_id": "17"}"#).userData == #"{"a": 1}"#)
    #expect(try parse(#"{"cate_id": "17"}"#).categoryID == 17)
    #expect(try parse("{}") == VideoMetadata())
  }

  @Test func `a byte order mark is skipped`() throws {
    #expect(try parse("\u{FEFF}{\"title\": \"a\"}").title == "a")
    let error = #expect(throws: SidecarError.self) { try parse("\u{FEFF}{\n\"title\": 1}") }
    #expect(error?.line == 2)
  }

  @Test func `errors are reported with line and key`() {
    let rows: [(text: String, message: String)] = [
      ("{\"title\": \"x\",\n \"titel\": \"y\"}", "line 2: unknown key 'titel'; did you mean 'title'?"),
      (
        "{\"\\u001bx\": 1}",
        "line 1: unknown key '\\u{1B}x'; known are title, description, tags, cate_id, cover_url, "
          + "template_group_id, workflow_id, storage_location, user_data, app_id, enable_first_frame_cover, generate_thumbnail"
      ),
      ("{\"title\": 1}", "line 1: 'title' is a number where a string belongs"),
      ("{\"title\": null}", "line 1: 'title' is null where a string belongs"),
      ("{\n\"tags\": \"a,b\"}", "line 2: 'tags' is a string where an array of strings belongs"),
      ("{\"tags\": [\"a\",\n1]}", "line 2: 'tags' is a number where a string belongs"),
      ("{\"tags\": [\"a,b\"]}", "line 1: a tag has a comma: write two tags, or none"),
      ("{\"cate_id\": 1.5}", "line 1: 'cate_id' is a number where a whole number belongs"),
      ("{\"user_data\": []}", "line 1: 'user_data' is an array where an object, or its text, belongs"),
      ("{\"generate_thumbnail\": \"yes\"}", "line 1: 'generate_thumbnail' is a string where true or false belongs"),
      ("[]", "line 1: it is no JSON object"), ("{\"title\": \"x\"", "line 1: the text ends in the middle"),
      ("{\"title\": \"x\", \"title\": \"y\"}", "line 1: the key occurs twice in its object"),
    ]
    for row in rows {
      let error = #expect(throws: SidecarError.self) { try parse(row.text) }
      #expect(error?.description == "sidecar 'clip.json', \(row.message)")
    }
  }

  @Test func `of two sidecars, the one with the whole name is used`() throws {
    let directory = try TemporaryDirectory()
    #expect(try Sidecar.read(beside: directory.path("clip.mp4")) == nil)
    try directory.write(#"{"title": "short"}"#, to: "clip.json")
    #expect(try Sidecar.read(beside: directory.path("clip.mp4"))?.title == "short")
    #expect(try Sidecar.read(beside: directory.path("clip.mov"))?.title == "short")
    try directory.write(#"{"title": "long"}"#, to: "clip.mp4.json")
    #expect(try Sidecar.read(beside: directory.path("clip.mp4"))?.title == "long")
    #expect(try Sidecar.read(beside: directory.path("other.mp4")) == nil)
  }

  @Test func `a sidecar must be a small regular file, not a link`() throws {
    let directory = try TemporaryDirectory()
    let cases: [(why: String, make: (String) throws -> Void)] = [
      ("a symbolic link, which is not followed", { _ = symlink("/etc/passwd", $0) }),
      ("not a regular file", { _ = mkfifo($0, 0o600) }),
      ("larger than 65536 bytes", { _ in try directory.write(String(repeating: " ", count: 65_537), to: "clip.json") }),
    ]
    for one in cases {
      try one.make(directory.path("clip.json"))
      let error = #expect(throws: SidecarError.self) { try Sidecar.read(beside: directory.path("clip.mp4")) }
      #expect(error?.path == directory.path("clip.json") && error?.line == nil && error?.why == one.why)
      unlink(directory.path("clip.json"))
    }
  }

  /// A file with a name of 252 bytes couldn't be uploaded at all.
  @Test func `a name that is too long to have a sidecar has none`() throws {
    let directory = try TemporaryDirectory()
    let name = String(repeating: "x", count: 248)
    #expect(try Sidecar.read(beside: directory.path("\(name).mp4")) == nil)
    try directory.write("{\"title\": \"t\"}", to: "\(name).json")
    #expect(try Sidecar.read(beside: directory.path("\(name).mp4"))?.title == "t")
  }

  @Test func `the description of one video takes precedence over that of all`() {
    var own = VideoMetadata()
    own.title = "own"
    own.generateThumbnail = false
    var all = VideoMetadata()
    all.title = "all"
    all.tags = ["x"]
    all.generateThumbnail = true
    let merged = own.over(all)
    #expect(merged.title == "own" && merged.tags == ["x"] && merged.generateThumbnail == false)
  }
}
