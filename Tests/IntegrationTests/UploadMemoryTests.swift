import Glibc
import Laboratory
import TestSupport
import Testing

@Suite(.serialized) struct UploadMemoryTests {
  struct Way: Sendable, CustomTestStringConvertible {
    let words: [String]
    /// The requests to OSS.
    let operations: [String]
    var testDescription: String { operations.joined(separator: ", ") }
  }

  @Test(arguments: [
    Way(words: ["--multipart-threshold", "1GiB"], operations: ["PutObject"]),
    Way(
      words: ["--multipart-threshold", "0B", "--part-size", "1GiB"],
      operations: ["InitiateMultipartUpload", "UploadPart", "CompleteMultipartUpload"]),
  ])
  func `a request of 256 MiB takes less than 64 MiB of memory`(_ way: Way) throws {
    let lab = try UploadLab()
    let size = 256 << 20
    let path = try lab.addVideo("one.mp4", size: 1 << 20)
    try #require(truncate(path, size) == 0)
    // It runs on after the upload, so that the kernel can be asked.
    let upload = try lab.launch(way.words + ["--watch", lab.videoDirectory, "--settle", "1s"])
    try upload.awaitOutput("one.mp4: uploaded", within: 120)
    #expect(try #require(ProcessMemory.peak(of: upload.child.pid)) < 64 << 10, "in KiB")
    upload.child.signal(SIGTERM)
    let run = try upload.wait()
    #expect(run.status == 0 && run.rows.count == 1 && run.rows.allSatisfy { lab.isIntact($0) }, "\(run)")
    #expect(try lab.emulator.storageCalls().map(\.operation) == way.operations)
  }
}
