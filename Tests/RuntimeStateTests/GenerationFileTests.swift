import Core
import Glibc
import TestSupport
import Testing

@testable import RuntimeState
@testable import FileOutput

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
    #expect(try file.read().numbers == [name("uploader"): 128, name("reports"): 1])
    var status = stat()
    #expect(stat(file.path, &status) == 0 && status.st_mode & 0o777 == 0o600)
    #expect(access("\(file.path).new", F_OK) != 0)
  }

  @Test func `where there is no file there are no numbers`() throws {
    #expect(try file.read() == GenerationFile.Content())
  }

  @Test func `a draft that a crash left is in nobody's way`() throws {
    try directory.write("half", to: "generations.new")
    try file.write([(name("uploader"), 7)])
    #expect(try file.read().numbers == [name("uploader"): 7])
  }

  @Test func `the number of all other roles reads back, too`() throws {
    try file.write([(name("uploader"), 1_796_000_000_007)], floor: 1_796_000_000_000)
    let content = GenerationFile.Content(numbers: [name("uploader"): 1_796_000_000_007], floor: 1_796_000_000_000)
    #expect(try file.read() == content)
  }

  /// A damaged line was passed over, and its role began again at 1.
  @Test func `a file with any byte changed or cut off is refused whole`() throws {
    try file.write([(name("uploader"), 71), (name("b"), 3)], floor: 5)
    let whole = try #require(FileText.read(file.path))
    let bytes = Array(whole.utf8)
    for index in bytes.indices {
      var changed = bytes
      changed[index] ^= 1
      for damaged in [changed, Array(bytes[..<index])] {
        try directory.write(String(decoding: damaged, as: UTF8.self), to: "generations", mode: 0o600)
        #expect(throws: GenerationFile.Failure.self, "\(index)") { try file.read() }
      }
    }
    try directory.write(whole, to: "generations", mode: 0o600)
    #expect(try file.read().floor == 5)
  }

  @Test(arguments: ["", "\0\0\0\0", "something else\nuploader 7\n", "rolekeeper generations 1\nuploader 7\n"])
  func `a file of something else is refused`(_ text: String) throws {
    try directory.write(text, to: "generations", mode: 0o600)
    #expect(throws: GenerationFile.Failure.self) { try file.read() }
  }

  @Test func `a spoilt file is refused until it is written again`() throws {
    for _ in 0..<2 {
      #expect(file.spoil())
      #expect(throws: GenerationFile.Failure.self) { try file.read() }
      try file.write([(name("uploader"), 7)])
      #expect(try file.read().numbers == [name("uploader"): 7])
    }
  }

  @Test func `nothing is spoilt by a link`() throws {
    let other = try directory.write("precious", to: "other", mode: 0o600)
    #expect(symlink(other, file.path) == 0)
    #expect(!file.spoil())
    #expect(unlink(file.path) == 0 && link(other, file.path) == 0)
    #expect(!file.spoil())
    #expect(FileText.read(other) == "precious")
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
    #expect(try file.read().numbers == [name("uploader"): 7])
  }

  @Test func `outputs are read back, whatever their paths hold`() throws {
    let outputs = [
      RecordedOutput(
        role: name("uploader"), uid: 1007, settingsFile: "/etc/rolekeeper/rolekeeper.toml",
        path: try #require(OutputPath("/srv/app/credentials.json"))),
      RecordedOutput(
        role: name("uploader"), uid: 1, settingsFile: "/s", path: try #require(OutputPath("/srv/new")),
        isWritten: false),
      RecordedOutput(
        role: name("reports"), uid: 0, settingsFile: nil, path: try #require(OutputPath("/srv/50% off\n/naïve file"))),
    ]
    let directories = [
      RecordedDirectory(role: name("uploader"), settingsFile: "/etc/roles.d/50% off.toml"),
      RecordedDirectory(role: name("reports"), settingsFile: "/s", parent: "/srv/my roles"),
    ]
    try file.write([(name("uploader"), 7)], outputs: outputs, directories: directories)
    let lines = FileText.read(file.path)?.split(separator: "\n").dropLast() ?? []
    #expect(
      Array(lines) == [
        "rolekeeper generations 3", "uploader 7",
        "file uploader 1007 /etc/rolekeeper/rolekeeper.toml /srv/app/credentials.json",
        "planned uploader 1 /s /srv/new", "file reports 0 - /srv/50%25%20off%0A/naïve%20file",
        "directory uploader /etc/roles.d/50%25%20off.toml", "directory reports /s /srv/my%20roles",
      ])
    #expect(
      try file.read() == .init(numbers: [name("uploader"): 7], outputs: outputs, directories: directories))
  }

  @Test func `the first store that has all is read back, and a file of 0.2.0 names none`() throws {
    try file.write([(name("uploader"), 7)], floor: 3, firstStore: 9)
    #expect(FileText.read(file.path)?.hasPrefix("rolekeeper generations 3\n@ 9\n* 3\nuploader 7\n= ") == true)
    #expect(try file.read() == .init(numbers: [name("uploader"): 7], floor: 3, firstStore: 9))
    // Its checksum is FNV-1a of the two lines, by an independent calculation.
    try directory.write("rolekeeper generations 2\nuploader 7\n= 1dbbd83fad1c6987\n", to: "generations")
    chmod(file.path, 0o600)
    #expect(try file.read() == .init(numbers: [name("uploader"): 7]))
  }

  @Test(arguments: [
    "file uploader 1007 - srv/a", "file uploader 1007 - /srv/../a", "file uploader x - /srv/a", "file UP 1007 - /srv/a",
    "file uploader 1007 - /srv/%4", "file uploader 1007 - /srv/%zz", "file uploader 1007 - /srv/%FF",
    "file uploader 1007 /srv/a", "other uploader 1007 - /srv/a",
  ])
  func `what isn't an output's line is none`(_ line: String) {
    #expect(RecordedOutput(line: line.split(separator: " ")) == nil)
  }
}
