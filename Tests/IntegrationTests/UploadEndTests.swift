import Glibc
import Laboratory
import TestSupport
import Testing

/// How vod-upload ends, and what its journal lets the next run do.
@Suite(.serialized) struct UploadEndTests {
  private static let inParts = ["--multipart-threshold", "0B", "--part-size", "100KiB", "--parts", "1"]
  private static let threeParts = 3 * 100 * 1024

  @Test func `what is uploaded isn't touched by the next run, and both end with 0`() throws {
    let lab = try UploadLab()
    for (name, size) in [("empty.mp4", 0), ("one.mp4", 5000), ("two.mp4", Self.threeParts)] {
      try lab.addVideo(name, size: size)
    }
    for _ in 0..<2 {
      let run = try lab.upload(Self.inParts)
      #expect(run.status == 0 && run.rows.count == 3, "\(run)")
      #expect(run.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(run)")
    }
    #expect(try lab.emulator.videos().map(\.writes) == [1, 1, 1])
  }

  @Test func `calls to VOD and bytes to OSS keep the pace that is asked for`() throws {
    let lab = try UploadLab()
    for number in 0..<9 { try lab.addVideo("\(number).mp4", size: 0) }
    #expect(try lab.upload(["--calls-per-second", "4"]).status == 0)
    let calls = try lab.emulator.times(of: "CreateUploadVideo")
    // Eight quarters of a second; the first call's connection takes a while.
    #expect(calls.count == 9 && calls.last! - calls[0] > 1_700_000, "\(calls)")
    let large = try lab.addVideo("large.mp4", size: 1_000_000)
    #expect(try lab.upload(Self.inParts + ["--limit-rate", "500kB/s"], [large]).status == 0)
    let begun = try lab.emulator.times(of: "InitiateMultipartUpload")
    let ended = try lab.emulator.times(of: "CompleteMultipartUpload")
    #expect(begun.count == 1 && ended.count == 1 && ended[0] - begun[0] > 1_500_000, "\(begun) \(ended)")
  }

  /// With the two rights alone nobody says that the video is finished: it was overwritten.
  @Test(arguments: [[], inParts])
  func `a copy of the journal from before the end has no finished video overwritten`(words: [String]) throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: Self.threeParts)
    let whole = try lab.launch(words + [lab.videoDirectory])
    #expect(try whole.wait().status == 0)
    let lines = try #require(FileText.read(whole.journalPath)).split(separator: "\n")
    for kind in ["reference", "video"] {
      let end = try #require(lines.firstIndex { $0.contains("\"record\":\"\(kind)\"") })
      try lab.directory.write(lines[...end].map { "\($0)\n" }.joined(), to: "copy-\(kind)", mode: 0o600)
      let run = try lab.upload(words, journal: "copy-\(kind)")
      #expect(run.status == 1 && run.rows.map(\.status) == ["not-confirmed"], "\(run)")
      #expect(run.rows.first?.error.hasPrefix("OSS has an object there already") == true, "\(run)")
    }
    #expect(try lab.emulator.videos().map(\.writes) == [1])
  }

  @Test func `a file that fails ends the run with 1, and costs the others nothing`() throws {
    let lab = try UploadLab()
    try lab.addVideo("long.mp4", size: 10)
    try lab.addVideo("one.mp4", size: 10)
    try lab.directory.write("{\"Title\":\"\(String(repeating: "x", count: 200))\"}", to: "videos/long.json")
    let run = try lab.upload()
    #expect(run.status == 1, "\(run)")
    #expect(run.row("long.mp4")?.status == "failed" && run.row("one.mp4")?.status == "uploaded", "\(run)")
    #expect(run.row("long.mp4")?.error.contains("Title") == true, "\(run)")
    #expect(try lab.emulator.videos().map(\.title) == ["one"])
  }

  @Test(arguments: [["--jobs", "0"], ["--nonsense"], ["--limit-rate", "1"], ["--report", "/tmp/report.txt"]])
  func `wrong usage ends with 2, and nothing is sent`(words: [String]) throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 10)
    let run = try lab.upload(words)
    #expect(run.status == 2 && !run.errors.isEmpty, "\(run)")
    #expect(try lab.emulator.calls(to: "CreateUploadVideo") == 0)
    #expect(FileText.read(lab.directory.path("journal")) == nil)
  }

  @Test func `a report in the journal's place is refused before anything is sent`() throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 10)
    let path = lab.directory.path("both.json")
    let run = try lab.upload(["--journal", path, "--report", path])
    #expect(run.status == 2 && run.errors.contains("which is the journal"), "\(run)")
    #expect(try lab.emulator.calls(to: "CreateUploadVideo") == 0)
  }

  @Test func `without a daemon it ends with 3`() throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 10)
    #expect(lab.lab.daemon.child.stop() == 0)
    let run = try lab.upload(["--wait", "1s"])
    #expect(run.status == 3 && run.errors.contains(lab.lab.draft.socketPath), "\(run)")
    #expect(run.rows.map(\.status) == ["not-started"])
  }

  /// It waited as long as --wait allows, and then reported the socket.
  @Test func `without a file to upload it ends at once, and needs no daemon`() throws {
    let lab = try UploadLab()
    #expect(lab.lab.daemon.child.stop() == 0)
    let run = try lab.upload(["--wait", "1h"], [lab.directory.path("nofile.mp4")])
    #expect(run.status == 1 && run.output.contains("nofile.mp4"), "\(run)")
    #expect(!run.errors.contains(lab.lab.draft.socketPath), "\(run)")
  }

  @Test func `a daemon without a credential, or one that doesn't know the role, makes it end with 4`() throws {
    let lab = try UploadLab(sessionLife: "3s")
    try lab.addVideo("one.mp4", size: 10)
    let unknown = try lab.upload(role: "nobody")
    #expect(unknown.status == 4 && unknown.errors.contains("nobody"), "\(unknown)")
    try lab.emulator.fault("kind=error&status=403&code=NoPermission", role: "uploader")
    try eventually("the session lapses") {
      try lab.lab.daemon.get("/v1/roles/uploader/credentials").status == 503
    }
    let run = try lab.upload(["--wait", "1s"])
    #expect(run.status == 4 && run.errors.contains("NoPermission"), "\(run)")
    #expect(try lab.emulator.videos().isEmpty)
  }

  @Test func `when the credentials end in the middle of a batch, it ends with 4 and goes on later`() throws {
    let lab = try UploadLab(sessionLife: "3s")
    try lab.addVideo("one.mp4", size: Self.threeParts)
    try lab.addVideo("two.mp4", size: 10)
    let fault = try lab.emulator.fault("kind=error&status=403&code=NoPermission&action=AssumeRole")
    // Longer than the last session lives.
    try lab.emulator.fault("kind=stall&milliseconds=6000&action=UploadPart&part=2&count=1")
    let ended = try lab.upload(["--wait", "1s", "--jobs", "1"] + Self.inParts)
    #expect(ended.status == 4 && ended.errors.contains("NoPermission"), "\(ended)")
    #expect(ended.row("one.mp4")?.status == "uploaded" && ended.row("two.mp4")?.isUploaded == false, "\(ended)")
    try lab.emulator.clearFault(fault)
    try lab.lab.refresh(["uploader"])
    try eventually("there is a session again") {
      try lab.lab.daemon.get("/v1/roles/uploader/credentials").status == 200
    }
    let run = try lab.upload(Self.inParts)
    #expect(run.status == 0 && run.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(run)")
    #expect(try lab.emulator.videos().map(\.writes) == [1, 1])
  }

  @Test(arguments: [SIGHUP, SIGINT, SIGTERM])
  func `a signal ends it in order although a part hangs, and the next run goes on`(signal: CInt) throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: Self.threeParts)
    try lab.addVideo("two.mp4", size: 10)
    try lab.emulator.fault("kind=stall&milliseconds=600000&action=UploadPart&part=2&count=1")
    let upload = try lab.launch(["--jobs", "1"] + Self.inParts + [lab.videoDirectory])
    try eventually("a part is there") { try lab.partResults()[1] == ["OK"] }
    upload.child.signal(signal)
    let run = try upload.wait()
    #expect(run.status == 128 + signal && run.errors.contains("interrupted by SIG"), "\(run)")
    #expect(run.row("one.mp4")?.status == "failed" && run.row("two.mp4")?.status == "not-started", "\(run)")
    #expect(run.output.contains("the run ended before its turn"), "\(run)")
    let again = try lab.upload(Self.inParts)
    #expect(again.status == 0 && again.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(again)")
    #expect(try lab.partResults()[1] == ["OK"])
    #expect(try lab.emulator.videos().map(\.writes) == [1, 1])
  }

  /// It was replaced by an empty one.
  @Test(arguments: [[], ["--watch"]])
  func `a signal before the files are listed leaves a former report as it is`(words: [String]) throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 10)
    let report = lab.directory.path("report.json")
    #expect(try lab.upload(["--report", report]).status == 0)
    let before = try #require(FileText.read(report))
    // The signal waits when the program begins, and is taken long before these are listed.
    for number in 0..<3000 { try lab.directory.write("", to: "videos/\(number).mp4") }
    let run = try lab.launch(
      ["--report", report] + words + [lab.videoDirectory],
      wrapper: [
        "/usr/bin/env", "--block-signal=TERM", "/bin/sh", "-c", "kill -TERM $$; exec \"$@\"", "sh",
      ]
    ).wait()
    #expect(run.status == 143 && before.contains("video_id"), "\(run)")
    #expect(run.errors.contains("the files weren't listed yet; report '\(report)' isn't written"), "\(run)")
    #expect(FileText.read(report) == before)
  }

  /// A call to VOD whose turn came while others waited for a connection lost it for good, and its file was never begun.
  @Test func `while every connection sends parts, calls to VOD get their turn`() throws {
    let lab = try UploadLab()
    for number in 0..<8 { try lab.addVideo("\(number).mp4", size: 3 << 20) }
    let run = try lab.upload([
      "--jobs", "16", "--multipart-threshold", "1MiB", "--part-size", "500KiB", "--limit-rate", "8MB/s",
    ])
    #expect(run.status == 0 && run.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(run)")
  }

  @Test func `a bucket whose region nobody names is a clear error, and the same video goes on with --region`() throws {
    let lab = try UploadLab(vod: "with_region = false")
    try lab.addVideo("one.mp4", size: 10)
    let failed = try lab.upload()
    #expect(failed.status == 1 && failed.rows.count == 1, "\(failed)")
    #expect(failed.rows.allSatisfy { $0.error.hasPrefix("NoRegion: neither UploadAuth nor ") }, "\(failed)")
    #expect(failed.rows[0].fix.contains("--region"), "\(failed)")
    let run = try lab.upload(["--region", "cn-shanghai"])
    #expect(run.status == 0 && run.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(run)")
    #expect(try lab.emulator.videos().count == 1)
  }

  @Test func `a second run on the same journal is refused`() throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: Self.threeParts)
    try lab.emulator.fault("kind=stall&milliseconds=600000&action=UploadPart&part=2&count=1")
    let first = try lab.launch(Self.inParts + [lab.videoDirectory])
    try eventually("a part is there") { try lab.partResults()[1] == ["OK"] }
    let second = try lab.upload(Self.inParts)
    #expect(second.status == 1 && second.rows.isEmpty, "\(second)")
    #expect(second.errors.contains("another vod-upload, process \(first.child.pid), is using the journal"), "\(second)")
    #expect(first.child.stop() == 143)
    #expect(try lab.emulator.videos().count == 1)
  }

  @Test(arguments: ["confirmer", "uploader"])
  func `a completion whose answer was lost with its client is confirmed by VOD, or left alone where VOD can't be asked`(
    role: String
  ) throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: Self.threeParts)
    try lab.emulator.fault("kind=delay&milliseconds=600000&action=CompleteMultipartUpload&count=1")
    let killed = try lab.launch(Self.inParts + [lab.videoDirectory], role: role)
    try eventually("OSS has the object") { try lab.emulator.callsToOSS().contains("CompleteMultipartUpload OK") }
    killed.child.signal(SIGKILL)
    #expect(killed.child.wait() == 128 + SIGKILL)
    for _ in 0..<2 {
      let run = try lab.upload(Self.inParts, role: role)
      #expect(run.status == (role == "confirmer" ? 0 : 1), "\(run)")
      #expect(run.rows.map(\.status) == [role == "confirmer" ? "confirmed" : "not-confirmed"], "\(run)")
    }
    // The second run had nothing to ask.
    #expect(try lab.emulator.calls(to: "GetMezzanineInfo") == 1)
    #expect(try lab.emulator.calls(to: "RefreshUploadVideo") == 0)
    #expect(try lab.emulator.videos().map(\.writes) == [1])
  }

  struct Change: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// What is done to the file, by a shell.
    let command: String
    /// What the message says.
    let message: String
  }

  static let changes = [
    Change(
      testDescription: "its size", command: "printf x >>\"$1\"", message: "its size changed from 307200 to 307201 bytes"
    ),
    Change(testDescription: "its time", command: "touch -d @1 \"$1\"", message: "it was written to"),
    Change(
      testDescription: "its inode", command: "cp -p \"$1\" \"$1.new\" && mv \"$1.new\" \"$1\"",
      message: "it was replaced by another file"),
  ]

  @Test(arguments: changes)
  func `a file that changed between two runs is a failure, not a mixed video`(_ change: Change) throws {
    let lab = try UploadLab()
    let path = try lab.addVideo("one.mp4", size: Self.threeParts)
    try lab.emulator.fault("kind=stall&milliseconds=600000&action=UploadPart&part=2&count=1")
    let upload = try lab.launch(Self.inParts + [lab.videoDirectory])
    try eventually("a part is there") { try lab.partResults()[1] == ["OK"] }
    #expect(upload.child.stop() == 143)
    #expect(try ChildProcess.run(["/bin/sh", "-c", change.command, "sh", path]).status == 0)
    let run = try lab.upload(Self.inParts)
    #expect(run.status == 1 && run.rows.map(\.status) == ["failed"], "\(run)")
    #expect(run.rows[0].error.contains(change.message) && run.output.contains(change.message), "\(run)")
    #expect(try lab.partResults()[2]?.contains("OK") != true, "nothing more was sent")
    #expect(try lab.emulator.videos().map(\.writes) == [0])
  }

  struct Removal: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var oss = ""
    var role = "uploader"
    /// What the emulator is asked for besides, and its answers.
    let calls: [String]
  }

  static let removals = [
    Removal(
      testDescription: "by the upload's credential", oss: "allow_abort = true", calls: ["AbortMultipartUpload OK"]),
    Removal(
      testDescription: "by VOD", role: "remover",
      calls: ["AbortMultipartUpload AccessDenied", "DeleteMultipartUpload OK"]),
    Removal(
      testDescription: "not at all", calls: ["AbortMultipartUpload AccessDenied", "DeleteMultipartUpload NoPermission"]),
  ]

  @Test(arguments: removals)
  func `the parts of a file that changed are removed, or it is said what stays`(_ row: Removal) throws {
    let lab = try UploadLab(oss: row.oss)
    let path = try lab.addVideo("one.mp4", size: Self.threeParts)
    try lab.emulator.fault("kind=delay&milliseconds=1000&action=UploadPart&part=2&count=1")
    let upload = try lab.launch(Self.inParts + [lab.videoDirectory], role: row.role)
    try eventually("a part is there") { try lab.partResults()[1] == ["OK"] }
    #expect(try ChildProcess.run(["/bin/sh", "-c", "printf x >>\"$1\"", "sh", path]).status == 0)
    let run = try upload.wait()
    #expect(run.status == 1 && run.rows.map(\.status) == ["failed"], "\(run)")
    let stays = run.rows[0].fix.contains("200 KiB of its parts stay in OSS (allow vod:DeleteMultipartUpload")
    #expect(stays == (row.calls.last == "DeleteMultipartUpload NoPermission"), "\(run)")
    let aborts = try lab.emulator.callsToOSS().filter { $0.hasPrefix("AbortMultipartUpload ") }
    var removals: [String] = []
    for result in ["OK", "NoPermission"] {
      let count = try lab.emulator.calls(to: "DeleteMultipartUpload", result: result)
      if count > 0 { removals.append("DeleteMultipartUpload \(result)") }
    }
    #expect(aborts + removals == row.calls)
  }

  @Test func `a renamed file is the same video`() throws {
    let lab = try UploadLab()
    let done = try lab.addVideo("done.mp4", size: 10)
    let half = try lab.addVideo("half.mp4", size: Self.threeParts)
    try lab.emulator.fault("kind=stall&milliseconds=600000&action=UploadPart&part=2&count=1")
    let upload = try lab.launch(Self.inParts + [lab.videoDirectory])
    try upload.awaitOutput("done.mp4: uploaded")
    try eventually("a part is there") { try lab.partResults(of: "half.mp4")[1] == ["OK"] }
    #expect(upload.child.stop() == 143)
    for path in [done, half] { #expect(rename(path, path + ".renamed.mp4") == 0) }
    let run = try lab.upload(Self.inParts)
    #expect(run.status == 0 && run.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(run)")
    let videos = try lab.emulator.videos()
    #expect(videos.map(\.fileName).sorted() == ["done.mp4", "half.mp4"] && videos.map(\.writes) == [1, 1])
    #expect(try lab.partResults(of: "half.mp4")[1] == ["OK"])
    let id = try #require(run.row("done.mp4.renamed.mp4")?.videoID)
    #expect(run.output.contains("taken up before as '\(done)' (VideoId \(id))"), "\(run)")
  }

  @Test func `a file that changes while it is uploaded is a failure, not a mixed video`() throws {
    let lab = try UploadLab()
    let path = try lab.addVideo("one.mp4", size: Self.threeParts)
    try lab.emulator.fault("kind=delay&milliseconds=1000&action=UploadPart&part=2&count=1")
    let upload = try lab.launch(Self.inParts + [lab.videoDirectory])
    try eventually("a part is there") { try lab.partResults()[1] == ["OK"] }
    #expect(try ChildProcess.run(["/bin/sh", "-c", "printf x >>\"$1\"", "sh", path]).status == 0)
    let run = try upload.wait()
    #expect(run.status == 1 && run.rows.map(\.status) == ["failed"], "\(run)")
    #expect(run.rows[0].error.contains("its size changed"), "\(run)")
    #expect(try lab.emulator.videos().map(\.writes) == [0])
  }

  @Test func `with the right to create videos alone a short file is uploaded, and a long one names what is missing`()
    throws
  {
    let lab = try UploadLab()
    try lab.addVideo("short.mp4", size: 10)
    let short = try lab.upload(role: "creator")
    #expect(short.status == 0 && short.rows.allSatisfy { lab.isIntact($0) }, "\(short)")
    try lab.addVideo("long.mp4", size: Self.threeParts)
    try lab.emulator.fault("kind=token-expired&action=UploadPart&part=2&count=1")
    let long = try lab.upload(Self.inParts, role: "creator")
    #expect(long.status == 1 && long.row("long.mp4")?.status == "failed", "\(long)")
    #expect(long.output.contains("vod:RefreshUploadVideo"), "\(long)")
  }
}
