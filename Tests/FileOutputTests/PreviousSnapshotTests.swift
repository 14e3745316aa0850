import Core
import Glibc
import TestSupport
import Testing

@testable import FileOutput

/// The previous snapshot stays for current readers, and never with more access than the settings give.
@Suite struct PreviousSnapshotTests {
  let temporary: TemporaryDirectory
  let role: String

  init() throws {
    temporary = try TemporaryDirectory()
    role = temporary.path("roles/uploader")
  }

  private func make(_ outputs: [(name: String, mode: UInt32)]) -> RoleDirectory {
    let files = outputs.map { name, mode in
      let name = OutputName(name)!
      return (name, output(.inRoleDirectory(name), mode: mode))
    }
    return RoleDirectory(parent: temporary.path("roles"), role: "uploader", files)
  }

  private func written(_ count: UInt64 = 1) throws -> RoleDirectory {
    var directory = make([("a", 0o440)])
    for number in 1...count { _ = try directory.write([content("\(number)", version: number)]) }
    return directory
  }

  struct Change: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let happen: @Sendable (String) throws -> Void
  }

  /// The journal reported that it was replaced, and everybody could read the credential in the directory beside it.
  @Test(arguments: [
    Change(testDescription: "loosened") { chmod("\($0)/gen-1/a", 0o644) },
    Change(testDescription: "an access control list") { try AccessControlList.lets(3333, at: "\($0)/gen-1/a") },
    Change(testDescription: "another name") { link("\($0)/gen-1/a", "\($0)/gen-1/b") },
    Change(testDescription: "a generation open to all") { chmod("\($0)/gen-1", 0o777) },
    Change(testDescription: "an access control list on it") { try AccessControlList.lets(3333, at: "\($0)/gen-1") },
    Change(testDescription: "a lost link") { unlink("\($0)/a") },
  ])
  func `a snapshot that somebody changed is removed when it is replaced`(_ change: Change) throws {
    var directory = try written()
    let reader = open("\(role)/a", O_RDONLY)
    defer { close(reader) }
    try change.happen(role)
    #expect(try directory.write([content("1", version: 1)]))
    #expect(names(role) == ["a", "current", "gen-2"])
    #expect(Look("\(role)/current/a")?.mode == 0o440)
    var byte: UInt8 = 0
    #expect(read(reader, &byte, 1) == 1 && byte == UInt8(ascii: "1"), "who has it open reads on")
  }

  @Test func `a previous snapshot that can't be removed is removed at the next check, which reports why`() throws {
    var directory = try written()
    chmod("\(role)/gen-1/a", 0o644)
    directory.calls = Calls { step, path in step == .remove && path.hasSuffix("/gen-1/a") ? EIO : 0 }
    #expect(try directory.write([content("1", version: 1)]))
    #expect(throws: FileOutputError.system(.remove, path: "\(role)/gen-1/a", errno: EIO)) {
      try directory.isCurrent([1], until: anHourOn, at: 0)
    }
    directory.calls = Calls()
    #expect(try directory.isCurrent([1], until: anHourOn, at: 0))
    #expect(names(role) == ["a", "current", "gen-2"])
  }

  @Test(arguments: [
    Change(testDescription: "loosened") { chmod("\($0)/gen-1/a", 0o644) },
    Change(testDescription: "an access control list") { try AccessControlList.lets(3333, at: "\($0)/gen-1/a") },
    Change(testDescription: "a generation open to all") { chmod("\($0)/gen-1", 0o777) },
    Change(testDescription: "a generation that lets nobody in") { chmod("\($0)/gen-1", 0) },
  ])
  func `the previous snapshot is removed when somebody changes it, and the current one stays`(_ change: Change) throws {
    var directory = try written(2)
    try change.happen(role)
    #expect(try directory.isCurrent([2], until: anHourOn, at: 0))
    #expect(directory.drifts.count == 1 && directory.drifts[0].path.hasPrefix("\(role)/gen-1"), "\(directory.drifts)")
    #expect(names(role) == ["a", "current", "gen-2"])
    #expect(try directory.isCurrent([2], until: anHourOn, at: 0) && directory.drifts.isEmpty)
  }

  struct Settings: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let before: [(name: String, mode: UInt32)]
    let after: [(name: String, mode: UInt32)]
    let stays: Bool
  }

  /// A file that the reload had reported as removed stayed readable for its former owner as long as its session was valid.
  @Test(arguments: [
    Settings(testDescription: "the same", before: [("a", 0o440)], after: [("a", 0o440)], stays: true),
    Settings(testDescription: "a wider mode", before: [("a", 0o400)], after: [("a", 0o440)], stays: true),
    Settings(testDescription: "one more", before: [("a", 0o440)], after: [("a", 0o440), ("b", 0o440)], stays: true),
    Settings(testDescription: "a narrower mode", before: [("a", 0o440)], after: [("a", 0o400)], stays: false),
    Settings(testDescription: "one less", before: [("a", 0o440), ("b", 0o440)], after: [("a", 0o440)], stays: false),
    Settings(testDescription: "another name", before: [("a", 0o440)], after: [("b", 0o440)], stays: false),
  ])
  func `a snapshot written under other settings stays only if it admits nobody else`(_ row: Settings) throws {
    var before = make(row.before)
    _ = try before.write(row.before.map { _ in try content("one", version: 1) })
    var after = make(row.after)
    #expect(try after.write(row.after.map { _ in try content("two", version: 1) }))
    #expect(names(role) == Set(row.after.map(\.name) + ["current", "gen-2"] + (row.stays ? ["gen-1"] : [])))
    for (name, mode) in row.after { #expect(Look("\(role)/current/\(name)")?.mode == mode) }
  }

  @Test(.enabled(if: isRoot)) func `a snapshot with the former settings' owner is removed`() throws {
    let name = OutputName("a")!
    for (number, uid) in [1007, 1008].enumerated() as EnumeratedSequence<[UInt32]> {
      let file = OutputFile(.inRoleDirectory(name), uid: uid, gid: uid, mode: 0o400)
      var directory = RoleDirectory(parent: temporary.path("roles"), role: "uploader", [(name, file)])
      _ = try directory.write([content("one", version: 1)])
      #expect(names(role) == ["a", "current", "gen-\(number + 1)"])
      #expect(Look("\(role)/current/a")?.uid == uid)
    }
  }
}
