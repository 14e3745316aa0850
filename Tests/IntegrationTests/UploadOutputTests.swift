import Glibc
import Laboratory
import TestSupport
import Testing

/// What vod-upload prints, to readers of every kind, and what it does about those that don't read.
@Suite(.serialized) struct UploadOutputTests {
  /// Runs the words behind its own with a pipe as stdout and stderr that nobody reads, until its stdin ends.
  private static let deafReader = [
    "/bin/sh", "-c", "mkfifo \"$0\" && exec 3<>\"$0\" && exec \"$@\" >&3 2>&3 3<&-",
  ]

  private static let quotas = "calls_per_second = { CreateUploadVideo = 100000, RefreshUploadVideo = 100000 }"

  private func addVideos(_ count: Int, to lab: UploadLab) throws {
    for number in 0..<count { try lab.addVideo("\(number)\(String(repeating: "x", count: 100)).mp4", size: 10) }
  }

  /// By its journal: what it prints isn't read.
  private func done(_ upload: UploadProcess, atLeast count: Int) throws {
    try eventually("\(count) files are done") {
      let lines = (FileText.read(upload.journalPath) ?? "").split(separator: "\n")
      return lines.filter { $0.hasPrefix("{\"record\":\"done\"") }.count >= count
    }
  }

  /// The loop waited for the reader: nothing was uploaded and no signal answered any more.
  @Test(arguments: [true, false]) func `a reader that doesn't read holds nothing up, and a signal ends the run`(
    isJSON: Bool
  ) throws {
    let lab = try UploadLab(vod: Self.quotas)
    // More lines than a pipe holds, and fewer than wait for a reader.
    try addVideos(150, to: lab)
    let upload = try lab.launch(
      (isJSON ? ["--json"] : []) + ["--calls-per-second", "10000", lab.videoDirectory],
      wrapper: Self.deafReader + [lab.directory.path("pipe")])
    try done(upload, atLeast: 150)
    upload.child.signal(SIGTERM)
    let run = try upload.wait()
    #expect(run.status == 128 + SIGTERM, "\(run)")
    #expect(run.rows.count == 150 && run.rows.allSatisfy(\.isUploaded), "\(run.rows.count)")
  }

  @Test func `a reader that goes on gets every line`() throws {
    let lab = try UploadLab(vod: Self.quotas)
    // The last ones aren't begun before it does.
    try addVideos(600, to: lab)
    let pipe = lab.directory.path("pipe")
    let upload = try lab.launch(
      ["--json", "--calls-per-second", "10000", lab.videoDirectory], wrapper: Self.deafReader + [pipe])
    try done(upload, atLeast: 150)
    #expect(upload.child.statusIfEnded == nil)
    let reader = try ChildProcess(["/bin/cat", pipe], in: lab.directory, named: "reader")
    let run = try upload.wait()
    #expect(run.status == 0)
    #expect(reader.wait() == 0)
    let lines = reader.output.split(separator: "\n")
    for event in ["started", "created", "finished"] {
      #expect(lines.filter { $0.contains("\"event\":\"\(event)\"") }.count == 600, "\(event)")
    }
    #expect(lines.last?.contains("\"event\":\"summary\"") == true)
  }

  @Test func `without a reader the files are uploaded all the same, and it ends with 1`() throws {
    let lab = try UploadLab()
    for number in 0..<5 { try lab.addVideo("\(number).mp4", size: 10) }
    let withoutReader = "mkfifo \"$0\" && exec 3<>\"$0\" 4>\"$0\" 3<&- && exec \"$@\" >&4 4>&-"
    let upload = try lab.launch(
      [lab.videoDirectory], wrapper: ["/bin/sh", "-c", withoutReader, lab.directory.path("pipe")])
    let run = try upload.wait()
    #expect(run.status == 1 && run.errors.contains("cannot write to stdout: Broken pipe; the uploads go on"), "\(run)")
    #expect(run.rows.count == 5 && run.rows.allSatisfy(\.isUploaded), "\(run)")
  }
}
