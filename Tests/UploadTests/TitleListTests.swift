import TestSupport
import Testing

@testable import Upload

@Suite struct TitleListTests {
  private func titles(_ text: String, _ format: DelimitedText.Format = .tabs) throws(TitleList.Failure) -> TitleList {
    try TitleList(Array(text.utf8), format, path: "t.tsv", workingDirectory: "/home/me")
  }

  private func file(_ path: String, _ resolved: String) -> VideoFile {
    VideoFile(path: path, resolvedPath: resolved, identity: Samples.identity)
  }

  @Test func `a title is found by the given path and by the resolved path`() throws {
    let titles = try titles("path\ttitle\nvideos/a.mp4\tFirst, \"A\"\n/data/b.mp4\tSecond\n./c/../d.mp4\tThird\n")
    #expect(titles.count == 3)
    #expect(titles.title(of: file("videos/a.mp4", "/data/2026/a.mp4")) == "First, \"A\"")
    #expect(titles.title(of: file("./videos//a.mp4", "/data/2026/a.mp4")) == "First, \"A\"")
    #expect(titles.title(of: file("videos/b.mp4", "/data/b.mp4")) == "Second")
    #expect(titles.title(of: file("/home/me/d.mp4", "/home/me/d.mp4")) == "Third")
    #expect(titles.title(of: file("a.mp4", "/home/me/a.mp4")) == nil)
  }

  @Test func `titles for no file of the batch are noted by line, those after the tenth as a number`() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("a", to: "f2.mp4")
    let list = InputScan.list([Array(path.utf8)], InputScan.Settings(extensions: ["mp4"]))
    let short = try titles("path\ttitle\n\(path)\tTitle\n\n\(directory.path("F2.mp4"))\tTypo\n")
    let typo = directory.path("F2.mp4")
    #expect(short.notes(onOthersThan: list) == ["titles 't.tsv', line 4: '\(typo)' is no file of this batch"])
    let long = try titles((1...12).map { "\($0).mp4\tTitle\n" }.joined())
    let notes = long.notes(onOthersThan: list)
    #expect(notes.count == 11 && notes[10] == "titles 't.tsv': 2 more lines are of no file of this batch")
    #expect(
      notes[9]
        == "titles 't.tsv', line 10: '10.mp4' is no file of this batch (paths are relative to the working directory)")
  }

  @Test func `comma-separated values are accepted, too`() throws {
    let titles = try titles("\"a,b.mp4\",\"One \"\"title\"\"\nof two lines\"\r\nc.mp4,\r\n", .commas)
    #expect(titles.title(of: file("a,b.mp4", "/x")) == "One \"title\"\nof two lines")
    // An empty one is the user's mistake, which the API's limits find.
    #expect(titles.title(of: file("c.mp4", "/x")) == "")
  }

  @Test func `names that only look alike have separate titles`() throws {
    let titles = try titles("caf\u{E9}.mp4\tone\ncafe\u{301}.mp4\ttwo\n")
    #expect(
      titles.title(of: file("caf\u{E9}.mp4", "/x")) == "one" && titles.title(of: file("cafe\u{301}.mp4", "/x")) == "two"
    )
  }

  @Test func `errors are reported with their line`() {
    let rows: [(text: String, message: String)] = [
      ("a.mp4\tx\nb.mp4\n", "titles 't.tsv', line 2: expected a path and a title, separated by a tab"),
      ("a.mp4\tx\ty\n", "titles 't.tsv', line 1: expected a path and a title, separated by a tab"),
      ("a.mp4\tx\n\n./a.mp4\ty\n", "titles 't.tsv', line 3: a second title for './a.mp4'"),
    ]
    for row in rows {
      let error = #expect(throws: TitleList.Failure.self) { try titles(row.text) }
      #expect(error?.description == row.message)
    }
  }

  @Test func `the extension of the file determines its format`() throws {
    let directory = try TemporaryDirectory()
    let csv = try TitleList.read(try directory.write("/v/a.mp4,\"x,y\"\n", to: "Titles.CSV"))
    #expect(csv.title(of: file("a", "/v/a.mp4")) == "x,y")
    let tsv = try TitleList.read(try directory.write("/v/a.mp4\tx,y\n", to: "titles"))
    #expect(tsv.title(of: file("a", "/v/a.mp4")) == "x,y")
    let error = #expect(throws: TitleList.Failure.self) { try TitleList.read(directory.path("none.tsv")) }
    #expect(
      error?.description
        == "titles '\(directory.path("none.tsv"))': No such file or directory; check the name, and run again")
  }
}
