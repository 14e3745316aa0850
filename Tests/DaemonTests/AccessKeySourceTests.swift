import CloudAPI
import Daemon
import EventLoop
import Glibc
import Logging
import TestSupport
import Testing

@Suite struct AccessKeySourceTests {
  private let directory: TemporaryDirectory
  private let loop: EventLoop

  init() throws {
    directory = try TemporaryDirectory()
    loop = try EventLoop()
    mkdir(directory.path("keys"), 0o755)
  }

  private func source() throws -> AccessKeySource {
    try AccessKeySource(
      name: "main", at: .file(directory.path("keys/key")), loop: loop,
      logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() })
  }

  private func put(_ id: String, _ name: String = "key", mode: UInt32 = 0o400) throws {
    try directory.write("AccessKey ID,AccessKey Secret\n\(id),secret-of-\(id)\n", to: "keys/\(name)", mode: mode)
  }

  /// Lets the loop turn until nothing is left to do.
  private func settle() throws {
    while try loop.runOnce(timeout: .milliseconds(20)) {}
  }

  @Test func `a key renamed into place is in use at once, and whoever waits for one is told`() throws {
    try put("LTAIold")
    let source = try source()
    #expect(source.key?.id == "LTAIold")
    var changes = 0
    source.changed = { changes += 1 }
    try put("LTAInew", "new")
    rename(directory.path("keys/new"), directory.path("keys/key"))
    try settle()
    #expect(source.key?.id == "LTAInew")
    #expect(changes == 1)
  }

  @Test func `half a file keeps the old key`() throws {
    try put("LTAIold")
    let source = try source()
    unlink(directory.path("keys/key"))
    try directory.write("AccessKey ID,AccessKey Secret\nLTAInew", to: "keys/key", mode: 0o400)
    try settle()
    #expect(source.key?.id == "LTAIold")
  }

  @Test func `a file that others may read is not used`() throws {
    try put("LTAIopen", mode: 0o440)
    #expect(try source().key == nil)
  }

  @Test func `a key that isn't there yet is taken up when it comes`() throws {
    let source = try source()
    #expect(source.key == nil)
    try put("LTAIlate")
    try settle()
    #expect(source.key?.id == "LTAIlate")
  }

  @Test func `a directory that is replaced is found again`() throws {
    try put("LTAIold")
    let source = try source()
    rename(directory.path("keys"), directory.path("keys.old"))
    mkdir(directory.path("keys"), 0o755)
    try settle()
    try put("LTAInew")
    try settle()
    #expect(source.key?.id == "LTAInew")
  }

  @Test func `no error of a key file quotes what is in it`() throws {
    try directory.write("AccessKey ID,AccessKey Secret\nLTAIx\nmarked-secret", to: "keys/key", mode: 0o400)
    #expect {
      _ = try AccessKeySource.read(.file(directory.path("keys/key")))
    } throws: {
      !"\($0)".contains("marked-secret")
    }
  }
}
