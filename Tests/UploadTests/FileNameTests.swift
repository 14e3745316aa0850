import Testing

@testable import Upload

@Suite struct FileNameTests {
  @Test func `a title is the name without its extension`() {
    let rows = [
      ("videos/a.b.mp4", "a.b", "mp4"), ("clip", "clip", nil), (".clip", ".clip", nil), ("clip.", "clip.", nil),
      ("/x/.a.mp4", ".a", "mp4"), ("d.x/clip", "clip", nil), ("e\u{301}.mp4", "e\u{301}", "mp4"),
      // The accent belongs to the dot, which is one all the same.
      ("a.\u{301}b", "a", "\u{301}b"),
    ]
    for (path, stem, suffix) in rows {
      let file = VideoFile(path: path, resolvedPath: path, identity: Samples.identity)
      #expect(Array(file.title.utf8) == Array(stem.utf8), "\(path)")
      #expect(FileName.split(file.name).suffix == suffix, "\(path)")
    }
  }
}
