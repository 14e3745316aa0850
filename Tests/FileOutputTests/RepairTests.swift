import Glibc
import Synchronization
import TestSupport
import Testing

@testable import FileOutput

/// Directories of ours that somebody changed.
@Suite struct RepairTests {
  let temporary: TemporaryDirectory
  let role: String

  init() throws {
    temporary = try TemporaryDirectory()
    role = temporary.path("roles/uploader")
  }

  /// Simulates a user other than root, who can't open files without permission bits.
  private static let asUser = Calls { step, path in
    guard step == .openDirectory, let look = Look(path) else { return 0 }
    return look.mode & 0o500 == 0o500 ? 0 : EACCES
  }

  private func written() throws -> RoleDirectory {
    var directory = RoleDirectoryTests.make(temporary.path("roles"), ["a"])
    directory.calls = Self.asUser
    _ = try directory.write([content("one", version: 1)])
    return directory
  }

  /// The error was about access to the directory above, and about a missing file.
  @Test(arguments: [0, 0o111] as [mode_t])
  func `a role's directory that we can't enter gets its mode back, and that is reported`(_ mode: mode_t) throws {
    var directory = try written()
    chmod(role, mode)
    #expect(try directory.write([content("one", version: 1)]))
    #expect(Look(role)?.mode == 0o711)
    let digits = String(mode, radix: 8)
    let found = "mode \(String(repeating: "0", count: 4 - digits.count))\(digits) instead of 0711"
    #expect(directory.drifts == [OutputDrift(path: role, found: found)])
    #expect(FileText.read(temporary.path("roles/uploader/a")) == "one")
    #expect(try !directory.write([content("one", version: 1)]))
  }

  @Test func `lapsed content is removed from a directory that we can't enter`() throws {
    var directory = try written()
    chmod(role, 0)
    try directory.withdraw()
    #expect(FileText.read(temporary.path("roles/uploader/a")) == nil)
  }

  /// The new snapshot was right, and the previous one stayed open to everybody until the next swap.
  @Test(arguments: [0o777, 0, 0o755] as [mode_t])
  func `a snapshot whose directory has another mode is replaced and removed`(_ mode: mode_t) throws {
    var directory = try written()
    chmod("\(role)/gen-1", mode)
    #expect(try directory.write([content("one", version: 1)]))
    #expect(directory.drifts.map(\.path) == ["\(role)/gen-1"])
    #expect(target("\(role)/current") == "gen-2")
    #expect(Look("\(role)/gen-1") == nil)
  }

  @Test func `a snapshot is removed whatever its mode`() throws {
    var directory = try written()
    chmod("\(role)/gen-1", 0)
    try directory.withdraw()
    #expect(names(role) == ["a"])
  }

  @Test(.enabled(if: isRoot)) func `a role's directory whose owner was changed is named with the new owner`()
    throws
  {
    var directory = try written()
    chown(role, 99, 99)
    directory.calls = Calls()
    let error = try #require(throws: FileOutputError.self) { try directory.write([content("one", version: 1)]) }
    #expect(error == .foreignDirectory(path: role, uid: 99, mode: 0o711, origin: .ours))
    // Its content lapses, and the hint stays the same.
    try directory.withdraw()
    let later = try #require(throws: FileOutputError.self) { try directory.write([content("two", version: 2)]) }
    #expect(later == error)
  }

  /// It was reported to be the daemon's, with a changed owner, and the suggested commands made it the daemon's with all its
  /// content.
  @Test(.enabled(if: isRoot)) func `a foreign directory in the role's place is reported as such`() throws {
    var directory = try written()
    directory.calls = Calls()
    rename(role, temporary.path("away"))
    mkdir(role, 0o711)
    chown(role, 99, 99)
    let error = try #require(throws: FileOutputError.self) { try directory.write([content("one", version: 1)]) }
    #expect(error == .foreignDirectory(path: role, uid: 99, mode: 0o711, origin: .others))
    // Another process doesn't know what was there.
    var next = RoleDirectoryTests.make(temporary.path("roles"), ["a"])
    let first = try #require(throws: FileOutputError.self) { try next.write([content("one", version: 1)]) }
    #expect(first == .foreignDirectory(path: role, uid: 99, mode: 0o711))
  }

  /// There was an error every time, about a file that could never be written, when the settings no longer named it.
  @Test(.enabled(if: isRoot)) func `nothing has to be removed where the unit hides the directories`() throws {
    let home = temporary.path("home")
    mkdir(home, 0)
    let calls = Calls { step, path in step == .openDirectory && path.hasPrefix("\(home)/") ? EACCES : 0 }
    var target = WriteTarget.file(SingleFileTests.make("\(home)/alice/credentials.json", calls))
    let removed = target.report(.removeAll)
    #expect(throws: Never.self) { try removed.result.get() }
    let lapsed = target.report(.withdraw)
    #expect(throws: FileOutputError.hiddenDirectory(path: "\(home)/alice")) { try lapsed.result.get() }
    #expect(lapsed.content == .unknown)
  }

  /// For a file directly in /root the error was about an owner and a mode that aren't /root's.
  @Test(.enabled(if: isRoot)) func `a file directly in a hidden directory is reported as hidden, too`() throws {
    let root = temporary.path("root")
    mkdir(root, 0)
    final class Counter: Sendable {
      let count = Mutex(0)
    }
    let opened = Counter()
    // It can be searched, but not read.
    let calls = Calls { step, path in
      guard step == .openDirectory, path == root else { return 0 }
      return opened.count.withLock { count in
        count += 1
        return count % 2 == 0 ? EACCES : 0
      }
    }
    var target = WriteTarget.file(SingleFileTests.make("\(root)/credentials.json", calls))
    #expect(throws: FileOutputError.hiddenDirectory(path: root)) { try target.report(.withdraw).result.get() }
  }

  /// The kernel reports a read-only file system before it checks whether the file exists, so there was an error about a missing
  /// file.
  @Test func `a missing file in a read-only directory is no error`() throws {
    let readOnly = Calls { step, _ in step == .remove ? EROFS : 0 }
    var file = SingleFileTests.make(temporary.path("credentials.json"), readOnly)
    try file.withdraw()
    file = SingleFileTests.make(temporary.path("credentials.json"), Calls { step, _ in step == .create ? EROFS : 0 })
    let error = try #require(throws: FileOutputError.self) { try file.write(content("one", version: 1)) }
    #expect(error == .system(.create, path: temporary.path("credentials.json"), errno: EROFS))
  }
}
