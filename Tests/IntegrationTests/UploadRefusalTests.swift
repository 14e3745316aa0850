import Glibc
import Laboratory
import TestSupport
import Testing

/// What vod-upload says when something is not as it should be, before or while it uploads.
@Suite(.serialized) struct UploadRefusalTests {
  @Test func `a report in the place of a sidecar or of the user's own file is refused before anything is sent`() throws
  {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 10)
    try lab.directory.write("{\"title\":\"A\"}", to: "videos/one.json")
    let own = try lab.directory.write("a,b\n", to: "own.csv")
    for path in ["\(lab.videoDirectory)/one.json", "\(lab.videoDirectory)/one.mp4.json", own] {
      let run = try lab.upload(["--report", path])
      #expect(run.status == 2 && run.errors.contains(path) && run.errors.contains("name another one"), "\(run)")
    }
    #expect(FileText.read("\(lab.videoDirectory)/one.json") == "{\"title\":\"A\"}" && FileText.read(own) == "a,b\n")
    #expect(try lab.emulator.calls(to: "CreateUploadVideo") == 0)
    #expect(FileText.read(lab.directory.path("journal")) == nil)
  }

  @Test func `a report that can't be written is found out before anything is sent`() throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 10)
    let run = try lab.upload(["--report", lab.directory.path(String(repeating: "x", count: 252) + ".csv")])
    #expect(run.status == 1 && run.errors.contains("File name too long"), "\(run)")
    #expect(try lab.emulator.calls(to: "CreateUploadVideo") == 0)
  }

  @Test func `the only role is taken once there is one, and of several one has to be named`() throws {
    let lab = try UploadLab(roles: ["uploader"])
    try lab.addVideo("one.mp4", size: 10)
    #expect(lab.lab.daemon.child.stop() == 0)
    let upload = try lab.launch([lab.videoDirectory], role: nil)
    try upload.awaitOutput("waiting for a credential")
    try lab.lab.start(named: "daemon-2")
    let run = try upload.wait()
    #expect(run.status == 0 && run.rows.allSatisfy { lab.isIntact($0) }, "\(run)")

    let several = try UploadLab()
    try several.addVideo("one.mp4", size: 10)
    let refused = try several.upload(role: nil)
    #expect(refused.status == 2, "\(refused)")
    #expect(
      refused.errors.contains(
        "there are several roles that you may read: confirmer, creator, remover, uploader; "
          + "name one of them with --role"),
      "\(refused)")
    #expect(try several.emulator.calls(to: "CreateUploadVideo") == 0)
  }

  @Test func `where there is no role to read, --wait is kept, and it ends with 2`() throws {
    let lab = try UploadLab(roles: [])
    try lab.addVideo("one.mp4", size: 10)
    let run = try lab.upload(["--wait", "1s"], role: nil)
    #expect(run.status == 2 && run.rows.map(\.status) == ["not-started"], "\(run)")
    #expect(run.output.contains("waiting for a credential: there is no role that you may read"), "\(run)")
    #expect(run.errors.contains("no credential: there is no role that you may read"), "\(run)")
    #expect(try lab.emulator.calls(to: "CreateUploadVideo") == 0)
  }

  @Test func `without a role, too, --wait is kept, and a signal ends the wait in order`() throws {
    let lab = try UploadLab(roles: ["uploader"])
    try lab.addVideo("one.mp4", size: 10)
    // It takes connections, and answers none.
    lab.lab.daemon.child.signal(SIGSTOP)
    let upload = try lab.launch(["--wait", "1h", lab.videoDirectory], role: nil)
    try eventually("it has its journal") { FileText.read(lab.directory.path("journal")) != nil }
    upload.child.signal(SIGTERM)
    let run = try upload.wait()
    // It may not have listed its files yet.
    #expect(run.status == 143 && run.rows.allSatisfy { $0.status == "not-started" }, "\(run)")
    #expect(run.errors.contains("interrupted by SIGTERM"), "\(run)")
    let late = try lab.upload(["--wait", "1s"], role: nil)
    #expect(late.status == 3 && late.errors.contains("gives no answer"), "\(late)")
    lab.lab.daemon.child.signal(SIGCONT)
  }

  @Test func `a refused version 1 or region names the option`() throws {
    let lab = try UploadLab(vod: "with_region = false")
    try lab.addVideo("one.mp4", size: 10)
    let version = try lab.upload(["--signature", "v1"])
    #expect(version.status == 1 && version.rows[0].fix.hasPrefix("leave out '--signature v1'"), "\(version)")
    let region = try lab.upload(["--region", "cn-beijing"])
    #expect(region.status == 1 && region.rows[0].fix.hasPrefix("check '--region cn-beijing'"), "\(region)")
    let run = try lab.upload(["--region", "cn-shanghai"])
    #expect(run.status == 0 && run.rows.allSatisfy { lab.isIntact($0) }, "\(run)")
  }

  /// The next run uploaded everything again.
  @Test func `a journal that is removed meanwhile is written again, and the next run has nothing to do`() throws {
    let lab = try UploadLab()
    for number in 0..<8 { try lab.addVideo("\(number).mp4", size: 10) }
    try lab.emulator.fault("kind=delay&milliseconds=300&action=CreateUploadVideo")
    let upload = try lab.launch(["--jobs", "1", lab.videoDirectory])
    try upload.awaitOutput("CRC64 checked")
    unlink(lab.directory.path("journal"))
    let run = try upload.wait()
    #expect(run.status == 0 && run.output.contains("was moved or removed while in use"), "\(run)")
    let again = try lab.upload()
    #expect(again.status == 0 && again.rows.allSatisfy { lab.isIntact($0) }, "\(again)")
    #expect(try lab.emulator.videos().map(\.writes) == Array(repeating: 1, count: 8))
  }

  @Test func `a run whose journal's place is taken ends before it makes another video`() throws {
    let lab = try UploadLab()
    for number in 0..<8 { try lab.addVideo("\(number).mp4", size: 10) }
    try lab.emulator.fault("kind=delay&milliseconds=300&action=CreateUploadVideo")
    let upload = try lab.launch(["--jobs", "1", lab.videoDirectory])
    try upload.awaitOutput("CRC64 checked")
    let journal = lab.directory.path("journal")
    unlink(journal)
    try lab.directory.write("", to: "journal", mode: 0o600)
    let run = try upload.wait()
    let saved = "\(journal).\(upload.child.pid)"
    #expect(run.status == 1 && run.errors.contains("all that it had is in '\(saved)'; move that to"), "\(run)")
    #expect(run.rows.contains { $0.status == "not-started" } && FileText.read(saved) != nil, "\(run)")
  }
}
