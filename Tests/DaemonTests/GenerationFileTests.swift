import Core
import Glibc
import TestSupport
import Testing

@testable import Daemon

@Suite struct GenerationFileTests {
  private let directory: TemporaryDirectory
  private let file: GenerationFile

  init() throws {
    directory = try TemporaryDirectory()
    file = GenerationFile(path: directory.path("generations"))
  }

  private func name(_ text: String) -> RoleName { RoleName(text)! }

  @Test func `what was written reads back, and nobody else may read it`() throws {
    try file.write([(name("uploader"), 128), (name("reports"), 1)])
    #expect(try file.read() == [name("uploader"): 128, name("reports"): 1])
    var status = stat()
    #expect(stat(file.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    #expect(access("\(file.path).new", F_OK) != 0)
  }

  @Test func `where there is no file there are no numbers`() throws {
    #expect(try file.read().isEmpty)
  }

  @Test func `a draft that a crash left is in nobody's way`() throws {
    try directory.write("half", to: "generations.new")
    try file.write([(name("uploader"), 7)])
    #expect(try file.read() == [name("uploader"): 7])
  }

  @Test func `lines that can't be read are passed over`() throws {
    let lines = [
      "rolekeeper generations 1", "uploader 7", "UPLOADER 8", "reports", "reports x", "reports 99999999999999999999",
      "reports 9223372036854775807", "reports -1", "a 1 2", "", "b 3",
    ]
    try directory.write(lines.joined(separator: "\n"), to: "generations", mode: 0o600)
    #expect(try file.read() == [name("uploader"): 7, name("b"): 3])
  }

  @Test(arguments: ["", "\0\0\0\0", "something else\nuploader 7\n"])
  func `a file of something else is refused`(_ text: String) throws {
    try directory.write(text, to: "generations", mode: 0o600)
    #expect(throws: GenerationFile.Failure.self) { try file.read() }
  }

  @Test func `a file that others may write to is refused, and so is a link`() throws {
    try file.write([(name("uploader"), 7)])
    chmod(file.path, 0o620)
    #expect(throws: GenerationFile.Failure.self) { try file.read() }
    chmod(file.path, 0o600)
    symlink(file.path, directory.path("link"))
    #expect(throws: GenerationFile.Failure.self) { try GenerationFile(path: directory.path("link")).read() }
  }

  @Test func `where the file can't be replaced the old one stays`() throws {
    try file.write([(name("uploader"), 7)])
    mkdir("\(file.path).new", 0o700)
    #expect(throws: GenerationFile.Failure.self) { try file.write([(name("uploader"), 8)]) }
    #expect(try file.read() == [name("uploader"): 7])
  }
}
