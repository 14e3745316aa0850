import Glibc
import JSON
import TestNeeds
import TestSupport
import Testing

@testable import Upload

@Suite struct ReportFileTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func names() throws -> [String] {
    let open = try InputDirectory(directory.path, in: AT_FDCWD, followsLink: false)
    return open.names.map { String(decoding: open[$0], as: UTF8.self) }
  }

  private let rows = [
    ReportRow(
      path: "v/a.mp4", size: 2_000_000, result: .uploaded, videoID: "93ab", requestID: "2581-5F", referenceID: "rk-1",
      address: Samples.video(0).address, seconds: 1.23456),
    ReportRow(path: "v/b.mp4", size: 0, result: .confirmed, videoID: "93ac", seconds: 61),
    ReportRow(
      path: "v/\"c\",\nd.mp4", size: 5,
      result: .failed(.init(error: "NoPermission (HTTP 403)", fix: "allow vod:CreateUploadVideo"))),
    ReportRow(
      path: "v/e.mp4", result: .unconfirmed(.init(error: "the answer was lost", fix: "look at it in the console"))),
    ReportRow(path: "v/f.txt", result: .skipped(.foreignExtension)),
    ReportRow(path: "v/g.mp4", size: 9, result: .notStarted),
  ]

  @Test func `in CSV each file has a row, quoted as RFC 4180 requires`() throws {
    try ReportFile(directory.path("r.csv")).write(rows)
    let lines = [
      "path,size,status,video_id,request_id,reference_id,object_address,seconds,error,fix",
      "v/a.mp4,2000000,uploaded,93ab,2581-5F,rk-1,oss://outin-2d8a0b1c/sv/5f2c-10/clip.mp4,1.235,,",
      "v/b.mp4,0,confirmed,93ac,,,,61.0,,",
      "\"v/\"\"c\"\",\nd.mp4\",5,failed,,,,,,NoPermission (HTTP 403),allow vod:CreateUploadVideo",
      "v/e.mp4,,not-confirmed,,,,,,the answer was lost,look at it in the console",
      "v/f.txt,,skipped,,,,,,ApsaraVideo VOD doesn't take files with this extension,",
      "v/g.mp4,9,not-started,,,,,,the run ended before its turn,run again",
    ]
    #expect(FileText.read(directory.path("r.csv")) == lines.map { $0 + "\r\n" }.joined())
  }

  @Test func `in JSON the report is an array of objects without empty members`() throws {
    try ReportFile(directory.path("r.JSON")).write(rows)
    let text = try #require(FileText.read(directory.path("r.JSON")))
    #expect(text.split(separator: "\n").count == 8)
    let bytes = Array(text.utf8)
    let document = try JSONDocument(bytes.span)
    var statuses: [String] = []
    document.root.forEachItem { item in statuses.append(item["status"]?.string() ?? "") }
    #expect(statuses == ["uploaded", "confirmed", "failed", "not-confirmed", "skipped", "not-started"])
    #expect(
      text.contains(
        #"{"path":"v/a.mp4","size":2000000,"status":"uploaded","video_id":"93ab","request_id":"2581-5F","reference_id":"rk-1","object_address":"oss://outin-2d8a0b1c/sv/5f2c-10/clip.mp4","seconds":1.235},"#
      ))
    #expect(
      text.contains(
        #"{"path":"v/g.mp4","size":9,"status":"not-started","error":"the run ended before its turn","fix":"run again"}"#
      ))
    try ReportFile(directory.path("none.json")).write([])
    #expect(FileText.read(directory.path("none.json")) == "[\n]\n")
  }

  @Test func `more rows than fit into the buffer are all written`() throws {
    try ReportFile(directory.path("r.csv")).write(
      (0..<5000).lazy.map { ReportRow(path: "\($0).mp4", result: .uploaded) })
    let lines = FileText.read(directory.path("r.csv"))?.split(separator: "\r\n") ?? []
    #expect(lines.count == 5001 && lines.last == "4999.mp4,,uploaded,,,,,,,")
  }

  @Test func `another extension is refused`() {
    for name in ["report", "report.txt", "report.csv.bak", ".csv"] {
      let error = #expect(throws: ReportFile.Failure.self) { try ReportFile(name) }
      #expect(
        error?.description
          == "report '\(name)': its name ends in neither .csv nor .json, by which the format is chosen; write NAME.csv or NAME.json"
      )
    }
  }

  @Test func `a report replaces the one before in one step, with a new file's permissions`() throws {
    let old = String(decoding: ReportRow.csvHeader, as: UTF8.self)
    let path = try directory.write(old, to: "r.csv", mode: 0o600)
    let descriptor = open(path, O_RDONLY)
    defer { close(descriptor) }
    try directory.write("left over", to: ".r.csv.\(getpid())", mode: 0o444)
    try directory.write("the user's own", to: "r.csv.new")
    let before = umask(0o027)
    defer { umask(before) }
    try ReportFile(path).write(rows)
    var status = stat()
    stat(path, &status)
    #expect(status.st_mode & 0o7777 == 0o640)
    // Who has the old one open reads it to its end.
    var text = [UInt8](repeating: 0, count: 1000)
    #expect(read(descriptor, &text, 1000) == old.utf8.count)
    #expect(try names() == ["r.csv", "r.csv.new"])
  }

  private func check(_ name: String) throws(ReportFile.Failure) {
    try ReportFile(directory.path(name)).check(extensions: ["mp4", "mov"])
  }

  @Test func `a report that can't be written is detected before the batch begins, and leaves no file`() throws {
    let missing = try ReportFile(directory.path("none/r.csv"))
    let error = #expect(throws: ReportFile.Failure.self) { try check("none/r.csv") }
    #expect(
      error?.description
        == "report '\(directory.path("none/r.csv"))': No such file or directory; make its directory, or name another place"
    )
    #expect(error?.isMisplaced == false)
    #expect(throws: ReportFile.Failure.self) { try missing.write(rows) }
    mkdir(directory.path("r.csv"), 0o755)
    let taken = try ReportFile(directory.path("r.csv"))
    #expect(throws: ReportFile.Failure.self) { try check("r.csv") }
    #expect(throws: ReportFile.Failure.self) { try taken.write(rows) }
    let long = #expect(throws: ReportFile.Failure.self) { try check(String(repeating: "x", count: 252) + ".csv") }
    #expect(long?.why == "File name too long; name a shorter one")
    try check("good.csv")
    // As long as a name may be.
    let longest = String(repeating: "视", count: 83) + ".x.csv"
    try check(longest)
    try ReportFile(directory.path(longest)).write(rows)
    #expect(try names() == ["r.csv", longest])
  }

  /// It was found out at the end, when there was no report.
  @Test(.needs(.root)) func `a read-only file system is detected before the batch begins`() throws {
    let mounted = try TemporaryDirectory()
    let why = try PrivateMounts.run { () -> String? in
      try PrivateMounts.mountMemory(over: mounted.path, size: 4096)
      try PrivateMounts.makeReadOnly(mounted.path)
      do throws(ReportFile.Failure) {
        try ReportFile(mounted.path("r.csv")).check(extensions: [])
        return nil
      } catch { return error.why }
    }
    #expect(why == "Read-only file system; name another place")
  }

  struct Other: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let name: String
    let content: String
    let isReport: Bool
  }

  static let others = [
    Other(
      testDescription: "a report", name: "r.csv",
      content: "path,size,status,video_id,request_id,reference_id,object_address,seconds,error,fix\r\na,1,,,,,,,,\r\n",
      isReport: true),
    Other(
      testDescription: "one in the other format", name: "r.csv",
      content: "[\n{\"path\":\"a\",\"size\":1,\"status\":\"uploaded\"}\n]\n", isReport: true),
    Other(testDescription: "one without a row", name: "r.json", content: "[\n]\n", isReport: true),
    Other(testDescription: "nothing", name: "r.json", content: "", isReport: true),
    Other(testDescription: "titles", name: "r.csv", content: "path,title\na.mp4,A\n", isReport: false),
    Other(testDescription: "a sidecar", name: "r.json", content: "{\"title\": \"A\"}", isReport: false),
    Other(testDescription: "another array", name: "r.json", content: "[\n{\"path\":\"a\"}\n]\n", isReport: false),
    Other(testDescription: "a word", name: "r.csv", content: "x", isReport: false),
  ]

  @Test(arguments: others) func `a file that isn't an earlier report isn't replaced`(_ row: Other) throws {
    try directory.write(row.content, to: row.name)
    if row.isReport { return try check(row.name) }
    let error = #expect(throws: ReportFile.Failure.self) { try check(row.name) }
    #expect(error?.why == "it is there already, and no report of vod-upload; name another one, or move it away")
    #expect(error?.isMisplaced == true && FileText.read(directory.path(row.name)) == row.content)
  }

  /// It was overwritten, where it had come after the check.
  @Test func `a file that comes to the report's place during a run isn't replaced either`() throws {
    let report = try ReportFile(directory.path("r.csv"))
    try check("r.csv")
    try directory.write("my own", to: "r.csv")
    let error = #expect(throws: ReportFile.Failure.self) { try report.write([]) }
    #expect(error?.isMisplaced == true && FileText.read(directory.path("r.csv")) == "my own")
  }

  @Test func `a link isn't replaced`() throws {
    symlink("elsewhere.csv", directory.path("r.csv"))
    let error = #expect(throws: ReportFile.Failure.self) { try check("r.csv") }
    #expect(error?.why == "it is a symbolic link; name the file itself")
  }

  /// The next run would have failed on it.
  @Test(arguments: ["clip.json", "clip.mp4.json", "LOUD.json"])
  func `a report whose name is that of a video's sidecar is refused`(name: String) throws {
    try directory.write("x", to: "clip.mp4")
    try directory.write("x", to: "LOUD.MOV")
    let error = #expect(throws: ReportFile.Failure.self) { try check(name) }
    #expect(error?.why.hasPrefix("the next run would take it for what describes '\(directory.path)/") == true)
    try check("clip.csv")
    try check("other.json")
  }

  @Test func `the same file is recognized under different names, even before it exists`() throws {
    let report = try ReportFile(directory.path("r.json"))
    #expect(report.isSame(as: "\(directory.path)/./r.json") && !report.isSame(as: directory.path("j.json")))
    try directory.write("x", to: "r.json")
    #expect(link(directory.path("r.json"), directory.path("j.json")) == 0)
    #expect(report.isSame(as: directory.path("j.json")))
  }
}

@Suite struct FailureTableTests {
  private let rows = [
    ReportRow(path: "v/a.mp4", result: .uploaded),
    ReportRow(
      path: "v/視頻\u{1B}.mp4",
      result: .failed(.init(error: "NoPermission (HTTP 403)", fix: "allow vod:CreateUploadVideo"))),
    ReportRow(path: "v/c.mp4", result: .unconfirmed(.init(error: "lost", fix: "look at it"))),
    ReportRow(path: "v/d.txt", result: .skipped(.foreignExtension)),
  ]

  @Test func `only failures are in the table`() {
    #expect(
      FailureTable.render(rows, width: nil) == [
        "FILE              STATUS         ERROR                    WHAT TO DO",
        "v/視頻\\u{1B}.mp4  failed         NoPermission (HTTP 403)  allow vod:CreateUploadVideo",
        "v/c.mp4           not-confirmed  lost                     look at it",
      ])
    #expect(FailureTable.render([rows[0], rows[3]], width: 80) == [])
  }

  @Test func `files that weren't started are in the table if requested`() {
    let row = ReportRow(path: "v/e.mp4", result: .notStarted)
    #expect(
      FailureTable.render([row], width: nil) == [
        "FILE     STATUS       ERROR                          WHAT TO DO",
        "v/e.mp4  not-started  the run ended before its turn  run again",
      ])
    #expect(
      FailureTable.render([ReportRow(path: "v/f.mp4", result: .unsettled(.seconds(2)))], width: nil).last
        == "v/f.mp4  not-started  the run ended before it had been unchanged for 2s  run again")
  }

  @Test func `in a narrow window each failure is below its file`() {
    let lines = FailureTable.render(rows, width: 30)
    #expect(
      lines == [
        "v/視頻\\u{1B}.mp4: failed", "  NoPermission (HTTP 403)", "  → allow", "  vod:CreateUploadVideo", "",
        "v/c.mp4: not-confirmed", "  lost", "  → look at it",
      ])
  }

  @Test func `the last line sums up`() {
    var counts = ResultCounts()
    #expect(FailureTable.summary(counts) == "0 files")
    let unstarted = ReportRow(path: "v/g.mp4", result: .notStarted)
    var many = ResultCounts()
    for _ in 0..<3 { many.count(.notStarted) }
    #expect(FailureTable.rest(many, besides: [unstarted]) == ["2 more files not started; --report lists every file"])
    #expect(FailureTable.rest(many, besides: [unstarted, unstarted, unstarted]).isEmpty)
    for row in rows { counts.count(row.result) }
    #expect(FailureTable.rest(counts, besides: rows).isEmpty)
    #expect(
      FailureTable.rest(counts, besides: Array(rows[..<2])) == [
        "1 more file failed or not confirmed; --report lists every file"
      ])
    #expect(FailureTable.summary(counts) == "3 files: 1 uploaded, 1 not confirmed, 1 failed; 1 other skipped")
    #expect(counts.troubled == 2)
    var skipped = ResultCounts()
    skipped.count(.skipped(.hidden))
    #expect(FailureTable.summary(skipped) == "0 files: 1 skipped")
    for _ in 0..<2 { skipped.count(.skipped(.hidden)) }
    skipped.count(.unsettled(.seconds(2)))
    #expect(FailureTable.summary(skipped) == "1 file: 1 not started; 3 others skipped")
    var one = ResultCounts()
    one.count(.confirmed)
    #expect(FailureTable.summary(one) == "1 file: 1 confirmed by VOD (CRC not seen)")
  }
}
