import Glibc
import TestNeeds
import TestSupport
import Testing

@testable import FileOutput

@Suite struct RuntimeDirectoryTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  @Test func `roles with their files are removed, and anything else stays`() throws {
    let place = directory.path("run")
    mkdir(place, 0o711)
    for role in ["uploader", "reports"] {
      var written = RoleDirectoryTests.make("\(place)/roles", role: role, ["a", "b"])
      for version in [1, 2] as [UInt64] {
        _ = try written.write([content("text", version: version), content("text", version: version)])
      }
    }
    try directory.write("numbers", to: "run/generations")
    try RuntimeDirectory.remove("roles", from: place)
    #expect(names(place) == ["generations"])
    try RuntimeDirectory.remove("roles", from: place)
  }

  @Test func `a link is removed and its target stays`() throws {
    let place = directory.path("run")
    for made in [place, "\(place)/roles", directory.path("other")] { mkdir(made, 0o755) }
    try directory.write("mine", to: "other/file")
    symlink(directory.path("other"), "\(place)/roles/link")
    try RuntimeDirectory.remove("roles", from: place)
    symlink(directory.path("other"), "\(place)/roles")
    try RuntimeDirectory.remove("roles", from: place)
    #expect(names(place) == [] && names(directory.path("other")) == ["file"])
    symlink(directory.path("other"), directory.path("through"))
    #expect(throws: FileOutputError.self) { try RuntimeDirectory.remove("file", from: directory.path("through")) }
    #expect(names(directory.path("other")) == ["file"])
  }

  @Test(.needs(.root)) func `other users' files stay, and their directory in ours is named`() throws {
    let place = directory.path("run")
    for made in [place, "\(place)/theirs", "\(place)/roles", "\(place)/roles/theirs"] { mkdir(made, 0o755) }
    try directory.write("x", to: "run/roles/theirs/file")
    try directory.write("x", to: "run/roles/given-away")
    for given in ["theirs", "roles/theirs", "roles/given-away"] { chown("\(place)/\(given)", 4711, 4711) }
    #expect(throws: FileOutputError.system(.remove, path: "\(place)/roles/theirs", errno: ENOTEMPTY)) {
      try RuntimeDirectory.remove("roles", from: place)
    }
    try RuntimeDirectory.remove("theirs", from: place)
    #expect(names(place) == ["roles", "theirs"] && names("\(place)/roles") == ["theirs"])
    #expect(names("\(place)/roles/theirs") == ["file"])
  }
}
