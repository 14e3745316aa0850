import Glibc
import Laboratory
import TestSupport
import Testing

@Suite(.serialized) struct UploadSecrecyTests {
  /// With which the emulator begins the secrets and tokens of sessions and of upload credentials, and the base64 of UploadAuth.
  private static let marks = ["EmulatedSecret", "CAIS", "CAES", "eyJ"]

  @Test(arguments: [[], ["--json"]])
  func `no secret is in anything that vod-upload leaves or shows`(words: [String]) throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 400_000)
    try lab.addVideo("two.mp4", size: 5000)
    let session = try lab.lab.credential("uploader")
    let inParts = ["--multipart-threshold", "100kB", "--part-size", "100KiB", "--parts", "1", "--jobs", "1"]
    var shown = ""
    // Messages that quote what was sent.
    for action in ["CreateUploadVideo", "UploadPart"] {
      try lab.emulator.fault(
        "kind=error&status=400&code=SignatureDoesNotMatch&message=\(session.secret)&action=\(action)&count=1")
      let failed = try lab.upload(words + inParts)
      #expect(failed.status == 1 && failed.output.contains("SignatureDoesNotMatch"), "\(failed)")
      shown += failed.output + failed.errors
    }
    try lab.emulator.fault("kind=token-expired&action=UploadPart&part=2&count=1")
    try lab.emulator.fault("kind=stall&milliseconds=600000&action=UploadPart&part=3&count=1")
    let upload = try lab.launch(words + inParts + [lab.videoDirectory])
    try eventually("an upload credential is in use") { try lab.partResults()[2]?.last == "OK" }
    for name in ["cmdline", "environ"] { shown += FileText.read("/proc/\(upload.child.pid)/\(name)") ?? "" }
    #expect(shown.contains("--vod-endpoint") && shown.contains("PATH="))
    #expect(upload.child.stop() == 143)
    let run = try lab.upload(words + inParts)
    #expect(run.status == 0, "\(run)")
    let journal = try #require(FileText.read(lab.directory.path("journal")))
    #expect(journal.contains("\"record\":\"part\"") && journal.contains("\"record\":\"done\""))
    shown += upload.child.output + upload.child.errors + run.output + run.errors + journal
    for number in 1...4 { shown += try #require(FileText.read(lab.directory.path("report-upload-\(number).json"))) }
    for mark in Self.marks + [session.secret, session.token] {
      #expect(!shown.contains(mark), "\(mark) in \(shown)")
    }
    var status = stat()
    try #require(stat(lab.directory.path("journal"), &status) == 0)
    #expect(status.st_mode & 0o7777 == 0o600)
  }
}
