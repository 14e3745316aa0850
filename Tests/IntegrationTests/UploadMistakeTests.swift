import Glibc
import Laboratory
import TestSupport
import Testing

/// What other uploaders do wrong, the vendor's among them.
@Suite(.serialized) struct UploadMistakeTests {
  /// In bytes: ten parts of the least size, each sent by itself.
  private static let tenParts = 10 * 100 * 1024
  private static let inParts = ["--multipart-threshold", "0B", "--part-size", "100KiB"]
  /// Files of up to 100 kB whole, others in parts.
  private static let bothWays = ["--multipart-threshold", "100kB", "--part-size", "100KiB"]
  private static let oneByOne = inParts + ["--parts", "1"]

  @Test func `a role's session uploads to a store that refuses V1`() throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 5000)
    let old = try lab.upload(["--signature", "v1"], journal: "old")
    #expect(old.status == 1, "\(old)")
    let run = try lab.upload()
    #expect(run.status == 0, "\(run)")
    #expect(run.rows.allSatisfy { $0.status == "uploaded" && lab.isIntact($0) } && run.rows.count == 1)
    #expect(try lab.emulator.signers(of: "CreateUploadVideo").allSatisfy { $0.hasPrefix("STS.") })
  }

  /// Nothing here names the region, without which there is no V4 signature.
  @Test func `with V1, where it is still taken, a file is uploaded whole or in parts, without a region`() throws {
    let lab = try UploadLab(vod: "with_region = false", oss: "allow_v1 = true")
    try lab.addVideo("one.mp4", size: Self.tenParts)
    try lab.addVideo("two.mp4", size: 5000)
    let run = try lab.upload(Self.bothWays + ["--signature", "v1"])
    #expect(run.status == 0 && run.rows.count == 2, "\(run)")
    #expect(run.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(run)")
    let calls = try lab.emulator.storageCalls()
    #expect(Set(calls.map(\.operation)).isSuperset(of: ["PutObject", "UploadPart", "CompleteMultipartUpload"]))
    #expect(calls.allSatisfy { $0.result == "OK" }, "\(calls)")
  }

  /// In seconds. Where the clock was ahead, the daemon's sessions seemed to have expired, and no call was made.
  @Test(arguments: [3600, -3600] as [Int64])
  func `a host whose clock is an hour off uploads, and each service corrects it once`(ahead: Int64) throws {
    let lab = try UploadLab()
    let clock = try SteppedClock(in: lab.directory, aheadBySeconds: ahead)
    try lab.lab.launch(named: "daemon-2", environment: clock.environment).awaitReady()
    try lab.addVideo("one.mp4", size: Self.tenParts)
    try lab.addVideo("two.mp4", size: 5000)
    let run = try lab.upload(Self.bothWays + ["--jobs", "1"], environment: clock.environment)
    #expect(run.status == 0 && run.rows.count == 2, "\(run)")
    #expect(run.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(run)")
    #expect(try lab.emulator.calls(to: "CreateUploadVideo", result: "InvalidTimeStamp.Expired") == 1)
    #expect(try lab.emulator.storageCalls().map(\.result).filter { $0 != "OK" } == ["RequestTimeTooSkewed"])
  }

  @Test func `a store that fails every time ends in a failure, no word of success, and a journal to go on from`() throws
  {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: Self.tenParts)
    try lab.emulator.fault("kind=error&status=500&action=UploadPart")
    let failed = try lab.upload(Self.inParts + ["--tries", "3"])
    #expect(failed.status == 1, "\(failed)")
    #expect(failed.rows.map(\.status) == ["failed"])
    #expect(
      !(failed.output + failed.errors).contains("uploaded") && failed.output.contains("InternalError"), "\(failed)")
    try lab.emulator.clearFaults()
    let run = try lab.upload(Self.inParts)
    #expect(run.status == 0 && run.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(run)")
    #expect(try lab.emulator.videos().count == 1)
  }

  @Test(arguments: ["SecurityTokenExpired", "InvalidAccessKeyId"])
  func `after an expiry at part 7 of 10 parts 1 to 6 aren't sent again`(code: String) throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: Self.tenParts)
    try lab.emulator.fault("kind=token-expired&code=\(code)&action=UploadPart&part=7&count=1")
    let run = try lab.upload(Self.oneByOne)
    #expect(run.status == 0 && run.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(run)")
    let results = try lab.partResults()
    #expect(results.keys.sorted() == Array(1...10))
    for (part, results) in results { #expect(results == (part == 7 ? [code, "OK"] : ["OK"]), "part \(part)") }
    #expect(try lab.uploadIDs(of: #require(run.rows[0].key)).count == 1)
    #expect(try lab.emulator.calls(to: "RefreshUploadVideo") == 1)
  }

  /// Eleven seconds of upload with credentials that live five, by a role's sessions that live three. How fast it goes is known after a part.
  /// UploadAuth may name the end of its credential's life, or only how long that is.
  @Test(arguments: [true, false])
  func `no part is begun that would outlive its credential, through several of them and several sessions`(
    namesEnd: Bool
  ) throws {
    let lab = try UploadLab(
      vod: "upload_lifetime = \"5s\"\nwith_expire_utc_time = \(namesEnd)", sessionLife: "3s")
    try lab.addVideo("one.mp4", size: 5_500_000)
    try lab.emulator.fault("kind=check-expiry-at-end")
    let run = try lab.upload([
      "--multipart-threshold", "0B", "--part-size", "1MiB", "--parts", "1", "--limit-rate", "500kB/s",
    ])
    #expect(run.status == 0 && run.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(run)")
    let calls = try lab.emulator.storageCalls()
    #expect(calls.allSatisfy { $0.result == "OK" }, "\(calls)")
    #expect(try lab.emulator.calls(to: "RefreshUploadVideo") >= 2)
    #expect(try lab.emulator.signers(of: "RefreshUploadVideo").count >= 2)
  }

  @Test func `nothing leaves the host but calls to VOD and OSS, and no path is in them`() throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 5000)
    try lab.addVideo("two.mp4", size: Self.tenParts)
    let notes = lab.directory.path("connections")
    let run = try lab.upload(Self.inParts, environment: FaultShim.noting(connectionsIn: notes))
    #expect(run.status == 0, "\(run)")
    let connections = Set(try #require(FileText.read(notes)).split(separator: "\n").map(String.init))
    let meant = [lab.emulator.endpoint, "127.0.0.1:\(lab.emulator.ossPort)", lab.lab.draft.socketPath]
    #expect(connections == Set(meant))
    #expect(Set(try lab.emulator.videos().map(\.fileName)) == ["one.mp4", "two.mp4"])
  }

  @Test func `file content never goes over plain HTTP`() throws {
    let lab = try UploadLab(vod: "endpoint = \"http://127.0.0.1:80\"\nwith_scheme = false")
    try lab.addVideo("one.mp4", size: 5000)
    let notes = lab.directory.path("connections")
    let run = try lab.upload(["--tries", "1"], environment: FaultShim.noting(connectionsIn: notes))
    #expect(run.status == 1 && run.rows.map(\.status) == ["failed"], "\(run)")
    #expect(FileText.read(notes)?.contains(lab.emulator.endpoint) == true)
    #expect(FileText.read(notes)?.contains(":80\n") == false)
    let plain = try lab.upload(["--vod-endpoint", "http://\(lab.emulator.endpoint)"], journal: "plain")
    #expect(plain.status == 2, "\(plain)")
  }

  @Test func `parts go side by side`() throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: Self.tenParts)
    try lab.emulator.fault("kind=stall&milliseconds=600000&action=UploadPart&part=1&count=1")
    let upload = try lab.launch(Self.inParts + ["--parts", "2", lab.videoDirectory])
    try eventually("the others pass the part that stalls") { try lab.partResults().count == 9 }
    #expect(try lab.partResults()[1] == nil)
    #expect(upload.child.stop() == 143)
  }

  @Test func `parts that were finished before a kill aren't sent again`() throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: Self.tenParts)
    try lab.emulator.fault("kind=stall&milliseconds=600000&action=UploadPart&part=5&count=1")
    let upload = try lab.launch(Self.oneByOne + [lab.videoDirectory])
    let journal = upload.journalPath
    try eventually("four parts are in the journal") {
      JournalContent(journal).records.values.contains { $0.count { $0 == "part" } == 4 }
    }
    upload.child.signal(SIGKILL)
    #expect(upload.child.wait() == 128 + SIGKILL)
    let run = try lab.upload(Self.oneByOne)
    #expect(run.status == 0 && run.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(run)")
    let results = try lab.partResults()
    for part in [1, 2, 3, 4, 6, 7, 8, 9, 10] { #expect(results[part] == ["OK"], "part \(part)") }
    #expect(results[5]?.last == "OK")
    #expect(try lab.uploadIDs(of: #require(run.rows[0].key)).count == 1)
    #expect(try lab.emulator.videos().count == 1)
  }

  @Test func `UserData with text in any language arrives as it was given`() throws {
    let lab = try UploadLab()
    try lab.addVideo("größe 视频.mp4", size: 10)
    let data = #"{"Extend":{"localId":"ü ~*+ 视频 \"x\""}}"#
    let run = try lab.upload(["--user-data", data])
    #expect(run.status == 0, "\(run)")
    let video = try #require(try lab.emulator.videos().first)
    #expect(video.userData == data && video.title == "größe 视频" && video.fileName == "größe 视频.mp4")
  }

  @Test func `the first expiry stops the other parts, and all wait for one refresh`() throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: 3 * Self.tenParts)
    try lab.emulator.fault("kind=token-expired&action=UploadPart&part=9&count=1")
    let run = try lab.upload(Self.inParts + ["--parts", "4"])
    #expect(run.status == 0 && run.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(run)")
    #expect(try lab.emulator.calls(to: "RefreshUploadVideo") == 1)
    let refused = try lab.partResults().values.joined().filter { $0 == "SecurityTokenExpired" }
    #expect((1...4).contains(refused.count), "\(refused.count) parts with the dead credential")
  }

  @Test func `a refresh that fails is tried again`() throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: Self.tenParts)
    try lab.emulator.fault("kind=token-expired&action=UploadPart&part=2&count=1")
    try lab.emulator.fault("kind=error&status=503&action=RefreshUploadVideo&count=2")
    let run = try lab.upload(Self.inParts)
    #expect(run.status == 0 && run.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(run)")
    #expect(try lab.emulator.calls(to: "RefreshUploadVideo") == 3)
    #expect(try lab.emulator.calls(to: "RefreshUploadVideo", result: "OK") == 1)
  }

  @Test func `expiry is never a file's failure while refreshing works`() throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: Self.tenParts)
    for part in 1...10 { try lab.emulator.fault("kind=token-expired&action=UploadPart&part=\(part)&count=1") }
    try lab.emulator.fault("kind=token-expired&action=CompleteMultipartUpload&count=1")
    let run = try lab.upload(Self.oneByOne + ["--tries", "2"])
    #expect(run.status == 0 && run.rows.allSatisfy { $0.isUploaded && lab.isIntact($0) }, "\(run)")
    #expect(try lab.emulator.calls(to: "RefreshUploadVideo") == 11)
  }

  @Test func `between two files may be any time: the next one gets a session of its own`() throws {
    let lab = try UploadLab(sessionLife: "3s")
    let upload = try lab.launch(["--watch", lab.videoDirectory, "--settle", "1s"])
    try lab.addVideo("one.mp4", size: 5000)
    try upload.awaitOutput("one.mp4: uploaded")
    let before = try lab.emulator.draws(of: "uploader")
    try eventually("sessions come and go") { try lab.emulator.draws(of: "uploader") >= before + 3 }
    try lab.addVideo("two.mp4", size: 5000)
    try upload.awaitOutput("two.mp4: uploaded")
    upload.child.signal(SIGTERM)
    let run = try upload.wait()
    #expect(run.status == 0 && run.rows.count == 2 && run.rows.allSatisfy { lab.isIntact($0) }, "\(run)")
    #expect(try lab.emulator.signers(of: "CreateUploadVideo").count == 2)
  }

  @Test(arguments: ["UploadPart", "CompleteMultipartUpload", "PutObject"])
  func `an answer without the right CRC is no success`(action: String) throws {
    let lab = try UploadLab()
    try lab.addVideo("one.mp4", size: Self.tenParts)
    try lab.emulator.fault("kind=checksum&action=\(action)&count=1")
    let run = try lab.upload(action == "PutObject" ? ["--multipart-threshold", "16MiB"] : Self.inParts)
    // A part can be sent again; a whole object that isn't the file stays where it is.
    #expect(run.status == (action == "UploadPart" ? 0 : 1), "\(run)")
    #expect(run.rows.map(\.isUploaded) == [action == "UploadPart"])
  }
}
