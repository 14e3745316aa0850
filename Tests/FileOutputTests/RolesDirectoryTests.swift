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

  @Test func `directories of roles that are no more are removed, with their credentials`() throws {
    try keep("old")
    try keep("kept")
    try RolesDirectory.removeAbandoned(in: directory.path("roles"), keeping: ["kept"])
    #expect(Look(directory.path("roles/old")) == nil)
    #expect(Look(directory.path("roles/kept/current/a")) != nil)
  }

  /// Settings that were cut off before the first role look like settings without one.
  @Test func `where only what has ended may go, the rest stays and is named`() throws {
    let place = directory.path("roles")
    for (role, end) in [("ended", 100), ("valid", anHourOn), ("also", anHourOn + 9)] {
      var written = RoleDirectoryTests.make(place, role: role, ["a"])
      _ = try written.write([content("text", version: 1)], until: end)
    }
    #expect(
      try RolesDirectory.removeAbandoned(in: place, keeping: [], endedBy: { _ in time(nil) }).left == ["also", "valid"])
    let ofOne = try RolesDirectory.removeAbandoned(
      in: place, keeping: ["valid"], endedBy: { $0 == "also" ? time(nil) : nil })
    #expect(ofOne.left == ["also"])
    #expect(names(place) == ["also", "valid"] && Look("\(place)/valid/current/a") != nil)
    #expect(try RolesDirectory.removeAbandoned(in: place, keeping: [], endedBy: { _ in anHourOn }).left == ["also"])
    let rest = try RolesDirectory.removeAbandoned(in: place, keeping: [])
    #expect(rest.left == [] && rest.removed == ["also"])
    #expect(names(place) == [])
  }

  /// What was left was forgotten with the error, and then stayed past its end.
  @Test func `a directory that can't be removed hides none that is left`() throws {
    let place = directory.path("roles")
    for (role, end) in [("damaged", 100), ("valid", anHourOn)] {
      var written = RoleDirectoryTests.make(place, role: role, ["a"])
      _ = try written.write([content("text", version: 1)], until: end)
    }
    mkdir("\(place)/damaged/gen-1/somebody's", 0o755)
    let result = try RolesDirectory.removeAbandoned(in: place, keeping: [], endedBy: { _ in time(nil) })
    #expect(result.left == ["valid"] && result.failure != nil)
    #expect(Look("\(place)/damaged/a/") == nil && Look("\(place)/valid/current/a") != nil)
  }

  @Test func `what only looks like ours stays`() throws {
    try keep("kept")
    mkdir(directory.path("roles/app"), 0o755)
    mkdir(directory.path("roles/app/releases"), 0o755)
    mkdir(directory.path("roles/app/gen-data"), 0o755)
    symlink("releases", directory.path("roles/app/current"))
    try RolesDirectory.removeAbandoned(in: directory.path("roles"), keeping: ["kept"])
    #expect(target(directory.path("roles/app/current")) == "releases")
    #expect(Look(directory.path("roles/app/gen-data")) != nil)
  }

  @Test func `a directory that isn't there holds nothing to remove`() throws {
    try RolesDirectory.removeAbandoned(in: directory.path("nowhere"), keeping: [])
  }

  @Test func `the generation in place is known to the next process`() throws {
    #expect(RolesDirectory.generation(of: "a", in: directory.path("roles")) == nil)
    try keep("a")
    #expect(RolesDirectory.generation(of: "a", in: directory.path("roles")) == 1)
  }
}
