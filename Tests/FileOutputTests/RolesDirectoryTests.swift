import Glibc
import TestSupport
import Testing

@testable import FileOutput

@Suite struct RolesDirectoryTests {
  private let directory: TemporaryDirectory

  init() throws { directory = try TemporaryDirectory() }

  private func keep(_ role: String) throws {
    var written = RoleDirectoryTests.make(directory.path("roles"), role: role, ["a"])
    _ = try written.write([content("text", version: 1)])
  }

  @Test func `directories of removed roles are deleted with their credentials`() throws {
    try keep("old")
    try keep("kept")
    try RolesDirectory.removeFormerDirectories(in: directory.path("roles"), keeping: ["kept"])
    #expect(Look(directory.path("roles/old")) == nil)
    #expect(Look(directory.path("roles/kept/current/a")) != nil)
  }

  /// Settings that were truncated before the first role look like settings without roles.
  @Test func `if only ended directories may be removed, the rest stays and is named`() throws {
    let place = directory.path("roles")
    for (role, end) in [("ended", 100), ("valid", anHourOn), ("also", anHourOn + 9)] {
      var written = RoleDirectoryTests.make(place, role: role, ["a"])
      _ = try written.write([content("text", version: 1)], until: end)
    }
    #expect(
      try RolesDirectory.removeFormerDirectories(in: place, keeping: [], endedBy: { _ in time(nil) }).left == [
        "also", "valid",
      ])
    let ofOne = try RolesDirectory.removeFormerDirectories(
      in: place, keeping: ["valid"], endedBy: { $0 == "also" ? time(nil) : nil })
    #expect(ofOne.left == ["also"])
    #expect(names(place) == ["also", "valid"] && Look("\(place)/valid/current/a") != nil)
    #expect(
      try RolesDirectory.removeFormerDirectories(in: place, keeping: [], endedBy: { _ in anHourOn }).left == ["also"])
    let rest = try RolesDirectory.removeFormerDirectories(in: place, keeping: [])
    #expect(rest.left == [] && rest.removed == ["also"])
    #expect(names(place) == [])
  }

  /// The leftovers were forgotten with the error, and stayed past their end.
  @Test func `a directory that can't be removed doesn't hide the others`() throws {
    let place = directory.path("roles")
    for (role, end) in [("damaged", 100), ("valid", anHourOn)] {
      var written = RoleDirectoryTests.make(place, role: role, ["a"])
      _ = try written.write([content("text", version: 1)], until: end)
    }
    mkdir("\(place)/damaged/gen-1/somebody's", 0o755)
    let result = try RolesDirectory.removeFormerDirectories(in: place, keeping: [], endedBy: { _ in time(nil) })
    #expect(result.left == ["valid"] && result.failure != nil)
    #expect(Look("\(place)/damaged/a/") == nil && Look("\(place)/valid/current/a") != nil)
  }

  @Test func `a directory that only looks like ours stays`() throws {
    try keep("kept")
    mkdir(directory.path("roles/app"), 0o755)
    mkdir(directory.path("roles/app/releases"), 0o755)
    mkdir(directory.path("roles/app/gen-data"), 0o755)
    symlink("releases", directory.path("roles/app/current"))
    try RolesDirectory.removeFormerDirectories(in: directory.path("roles"), keeping: ["kept"])
    #expect(target(directory.path("roles/app/current")) == "releases")
    #expect(Look(directory.path("roles/app/gen-data")) != nil)
  }

  @Test func `a missing directory holds nothing to remove`() throws {
    try RolesDirectory.removeFormerDirectories(in: directory.path("nowhere"), keeping: [])
  }

  @Test func `the next process finds the current snapshot's number`() throws {
    #expect(RolesDirectory.snapshotNumber(of: "a", in: directory.path("roles")) == nil)
    try keep("a")
    #expect(RolesDirectory.snapshotNumber(of: "a", in: directory.path("roles")) == 1)
  }
}
