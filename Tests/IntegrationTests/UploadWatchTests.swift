import Glibc
import Laboratory
import TestSupport
import Testing

/// How a watched directory's run ends.
@Suite(.serialized) struct UploadWatchTests {
  private func watch(_ lab: UploadLab, _ words: [String] = [], settle: String = "1s") throws -> UploadProcess {
    try lab.launch(["--watch", lab.videoDirectory, "--settle", settle] + words)
  }

  @Test func `once everything is uploaded a signal is the usual end`() throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 10)
    let upload = try watch(lab)
    try upload.awaitOutput("CRC64 checked")
    upload.child.signal(SIGTERM)
    let run = try upload.wait()
    #expect(run.status == 0 && run.errors.isEmpty && run.rows.allSatisfy { lab.isIntact($0) }, "\(run)")
  }

  /// They were in neither table nor report, and it ended with 0.
  @Test func `files that haven't settled when a signal comes are named, and it ends by the signal`() throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 10)
    try lab.directory.write("x", to: "videos/notes.txt")
    let upload = try watch(lab, settle: "1h")
    // It is reported with the first list.
    try upload.awaitOutput("notes.txt: skipped")
    upload.child.signal(SIGINT)
    let run = try upload.wait()
    #expect(run.status == 130 && run.row("one.mp4")?.status == "not-started", "\(run)")
    #expect(run.output.contains("one.mp4  not-started") && run.errors.contains("interrupted by SIGINT"), "\(run)")
    #expect(run.output.contains("1 file: 1 not started"), "\(run)")
  }

  @Test(arguments: [true, false]) func `without a credential it ends with 4 or 3, by a signal too`(hasDaemon: Bool)
    throws
  {
    let lab = try UploadLab(sessionLife: "3s")
    try lab.addVideo("one.mp4", size: 10)
    if hasDaemon {
      try lab.emulator.fault("kind=error&status=403&code=NoPermission", role: "uploader")
      try eventually("the session lapses") {
        try lab.lab.daemon.get("/v1/roles/uploader/credentials").status == 503
      }
    } else {
      #expect(lab.lab.daemon.child.stop() == 0)
    }
    let upload = try watch(lab, ["--wait", "1h"])
    try upload.awaitOutput("waiting for a credential")
    upload.child.signal(SIGTERM)
    let run = try upload.wait()
    #expect(run.status == (hasDaemon ? 4 : 3) && run.errors.contains("no credential: "), "\(run)")
    let late = try watch(lab, ["--wait", "1s"]).wait()
    #expect(late.status == (hasDaemon ? 4 : 3), "\(late)")
  }

  @Test func `a directory that goes and comes back is taken up again, and one that is gone at the end is an error`()
    throws
  {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 10)
    let upload = try watch(lab)
    try upload.awaitOutput("one.mp4: uploaded")
    let away = lab.directory.path("away")
    #expect(rename(lab.videoDirectory, away) == 0)
    try upload.awaitOutput("the watched directory can't be read: No such file or directory; put it back or mount it")
    #expect(rename(away, lab.videoDirectory) == 0)
    try lab.addVideo("two.mp4", size: 10)
    try upload.awaitOutput("two.mp4: uploaded", within: 60)
    #expect(upload.child.output.contains("the watched directory is there again"))
    #expect(rename(lab.videoDirectory, away) == 0)
    try eventually("it is missed again") {
      upload.child.output.split(separator: "\n").filter { $0.contains("can't be read") }.count == 2
    }
    upload.child.signal(SIGTERM)
    let run = try upload.wait()
    #expect(run.status == 1 && run.row("videos")?.status == "failed", "\(run)")
    #expect(run.rows.filter(\.isUploaded).count == 2, "\(run)")
  }

  /// It stayed failed for good.
  @Test func `what can't be read is taken up once it can be, and what is uploaded needn't be read`() throws {
    let lab = try UploadLab()
    let path = try lab.addVideo("locked.mp4", size: 10)
    let below = "\(lab.videoDirectory)/below"
    mkdir(below, 0o755)
    try lab.addVideo("below/one.mp4", size: 10)
    for path in [path, below] { #expect(chmod(path, 0) == 0) }
    // Modes hold for root, too.
    let upload = try lab.launch(
      ["--watch", lab.videoDirectory, "--settle", "1s"],
      wrapper: ["/usr/bin/setpriv", "--bounding-set=-dac_override,-dac_read_search"])
    for name in ["locked.mp4", "below"] {
      try upload.awaitOutput(
        "\(name): Permission denied; let this user read it; it is taken up then, by this run or the next")
    }
    #expect(chmod(below, 0o755) == 0 && chmod(path, 0o600) == 0)
    for name in ["locked.mp4", "one.mp4"] { try upload.awaitOutput("\(name): uploaded") }
    #expect(chmod(path, 0) == 0)
    try lab.addVideo("last.mp4", size: 10)
    try upload.awaitOutput("last.mp4: uploaded")
    upload.child.signal(SIGTERM)
    let run = try upload.wait()
    #expect(run.status == 0 && run.rows.map(\.status) == ["uploaded", "uploaded", "uploaded"], "\(run)")
  }

  /// The report that it replaced named their videos.
  @Test func `a run that ends before anything has settled reports what earlier runs uploaded`() throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 10)
    let videoID = try #require(try lab.upload().rows.first?.videoID)
    try lab.directory.write("x", to: "videos/notes.txt")
    let upload = try watch(lab, settle: "1h")
    try upload.awaitOutput("notes.txt: skipped")
    upload.child.signal(SIGTERM)
    let run = try upload.wait()
    #expect(run.status == 0 && run.row("one.mp4")?.videoID == videoID, "\(run)")
    #expect(run.row("one.mp4")?.status == "uploaded" && run.output.contains("1 file: 1 uploaded"), "\(run)")
  }

  /// It was counted as failed, although it was uploaded later.
  @Test func `a file that changes before its turn isn't counted as failed`() throws {
    let lab = try UploadLab()
    try lab.addVideo("a.mp4", size: 10)
    let path = try lab.addVideo("b.mp4", size: 10)
    try lab.addVideo("c.mp4", size: 10)
    try lab.emulator.fault("kind=delay&milliseconds=3000&action=PutObject&count=1")
    let upload = try watch(lab, ["--jobs", "1"])
    try upload.awaitOutput("a.mp4: video created")
    #expect(
      try ChildProcess.run(["/bin/sh", "-c", "printf x >>\"$1\"; rm \"$2\"", "sh", path, "\(lab.videoDirectory)/c.mp4"])
        .status == 0)
    try upload.awaitOutput("b.mp4: uploaded")
    upload.child.signal(SIGTERM)
    let run = try upload.wait()
    #expect(run.status == 0, "\(run)")
    #expect(run.rows.map(\.status).sorted() == ["skipped", "skipped", "uploaded", "uploaded"], "\(run)")
  }
}
