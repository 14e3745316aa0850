import Glibc
import TestSupport
import Testing

/// The emulator's OSS as a client meets it, by curl and signed URLs.
@Suite(.serialized) struct ObjectStorageTests {
  private let directory: TemporaryDirectory
  private let emulator: EmulatorProcess
  private let grant: EmulatorProcess.Grant

  init() throws {
    directory = try TemporaryDirectory()
    emulator = try EmulatorProcess(
      realm: "[accounts.1234567890123456]\n", in: directory, objects: directory.path("objects"))
    grant = try emulator.grant(bucket: "outin-1", key: "sv/clip.mp4")
  }

  private var objectPath: String { directory.path("objects/outin-1/sv/clip.mp4") }

  private func curl(_ words: String...) throws -> (status: CInt, output: String) {
    let run = try ChildProcess.run(["/usr/bin/curl", "-sS", "--cacert", emulator.authorityPath] + words)
    return (run.status, run.output)
  }

  /// A file of so many bytes, most of them zeros.
  private func source(_ size: Int) throws -> String {
    let path = try directory.write("the first bytes", to: "source")
    try #require(truncate(path, size) == 0)
    return path
  }

  private func areEqual(_ left: String, _ right: String) throws -> Bool {
    try ChildProcess.run(["/usr/bin/cmp", left, right]).status == 0
  }

  @Test func `a large body goes to the disk as it comes, and back`() throws {
    let size = 256 << 20
    let source = try source(size)
    let put = try curl("-T", source, "-w", "%{http_code}", grant.putURL)
    #expect(put.output == "200")
    #expect(try areEqual(source, objectPath))
    #expect(try emulator.object(bucket: "outin-1", key: "sv/clip.mp4")?.size == size)
    let back = directory.path("back")
    #expect(try curl("-o", back, "-w", "%{http_code}", grant.getURL).output == "200")
    #expect(try areEqual(source, back))
    #expect(try #require(ProcessMemory.peak(of: emulator.child.pid)) < 64 << 10, "in KiB")
  }

  @Test func `a bucket may stand before the host's name`() throws {
    let host = "outin-1.oss-cn-shanghai.aliyuncs.com"
    let url = grant.putURL.replacing("\(grant.endpoint)/outin-1/", with: "https://\(host)/")
    #expect(url.hasPrefix("https://\(host)/sv/clip.mp4?"))
    let put = try curl(
      "--connect-to", "\(host):443:127.0.0.1:\(emulator.ossPort)", "-T", try source(1000), "-w", "%{http_code}", url)
    #expect(put.output == "200")
    #expect(try areEqual(directory.path("source"), objectPath))
  }

  @Test func `a client that waits to be asked for its body is refused before it sends it`() throws {
    let wrong = grant.putURL.replacing("x-oss-signature=", with: "x-oss-signature=0")
    let put = try curl(
      "-H", "Expect: 100-continue", "-T", try source(64 << 20), "-w", " %{http_code} %{size_upload}", wrong)
    #expect(put.output.contains("<Code>SignatureDoesNotMatch</Code>") && put.output.hasSuffix(" 403 0"))
  }

  @Test func `a client that doesn't wait gets its refusal all the same`() throws {
    let wrong = grant.putURL.replacing("x-oss-signature=", with: "x-oss-signature=0")
    let put = try curl("-H", "Expect:", "-T", try source(8 << 20), "-w", " %{http_code} %{size_upload}", wrong)
    #expect(put.output.hasSuffix(" 403 \(8 << 20)"))
  }

  @Test func `a body is broken off, and nothing is left`() throws {
    try emulator.fault("kind=drop-request&action=PutObject&count=1")
    let put = try curl("-T", try source(8 << 20), grant.putURL)
    #expect(put.status != 0)
    #expect(try emulator.object(bucket: "outin-1", key: "sv/clip.mp4") == nil)
    #expect(try curl("-T", directory.path("source"), grant.putURL).status == 0)
    #expect(try emulator.callsToOSS() == ["PutObject broken off", "PutObject OK"])
  }

  @Test func `an object is there though its answer was lost`() throws {
    try emulator.fault("kind=lost-answer&action=PutObject&count=1")
    // CURLE_GOT_NOTHING.
    #expect(try curl("-T", try source(1000), grant.putURL).status == 52)
    #expect(try emulator.object(bucket: "outin-1", key: "sv/clip.mp4")?.writes == 1)
    #expect(try areEqual(directory.path("source"), objectPath))
  }

  @Test func `an upload that is read slowly holds up no other`() throws {
    try emulator.fault("kind=stall&milliseconds=600000&object=sv/clip.mp4")
    let stalled = try ChildProcess(
      ["/usr/bin/curl", "-sS", "--cacert", emulator.authorityPath, "-T", try source(8 << 20), grant.putURL],
      in: directory, named: "stalled")
    try eventually("the fault is met") { !FileNames.read(directory.path("objects/.uploads")).isEmpty }
    let other = try emulator.grant(bucket: "outin-1", key: "other.mp4")
    #expect(try curl("-T", directory.path("source"), "-w", "%{http_code}", other.putURL).output == "200")
    #expect(stalled.statusIfEnded == nil)
    #expect(emulator.child.stop() == 0)
  }
}
