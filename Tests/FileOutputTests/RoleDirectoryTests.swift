import Core
import Glibc
import TestSupport
import Testing

@testable import FileOutput

@Suite struct RoleDirectoryTests {
  let temporary: TemporaryDirectory
  let roles: String
  let path: String
  var directory: RoleDirectory

  static let outputs = ["credentials.json", "credentials.env"]

  init() throws {
    temporary = try TemporaryDirectory()
    roles = temporary.path("roles")
    path = "\(roles)/uploader"
    directory = Self.make(roles)
  }

  static func make(
    _ roles: String, role: String = "uploader", _ names: [String] = outputs, _ calls: Calls = Calls()
  ) -> RoleDirectory {
    let outputs = names.map { name in
      let name = OutputName(name)!
      return (name, output(.inRoleDirectory(name), mode: 0o440))
    }
    var directory = RoleDirectory(parent: roles, role: role, outputs)
    directory.calls = calls
    return directory
  }

  func contents(_ number: UInt64) throws(FileOutputError) -> [SealedContent] {
    [
      try content("credentials.json \(number)", version: number),
      try content("credentials.env \(number)", version: number),
    ]
  }

  func expectContent(_ number: UInt64, _ comment: Comment? = nil, at location: SourceLocation = #_sourceLocation) {
    for name in Self.outputs {
      #expect(FileText.read("\(path)/\(name)") == "\(name) \(number)", comment, sourceLocation: location)
    }
  }

  @Test mutating func `outputs are links into the current snapshot, with mode and owner as in the settings`() throws {
    #expect(try directory.write(contents(1)))
    expectContent(1)
    #expect(names(path) == ["gen-1", "current", "credentials.json", "credentials.env"])
    #expect(target("\(path)/current") == "gen-1")
    #expect(target("\(path)/credentials.json") == "current/credentials.json")
    for name in [roles, path, "\(path)/gen-1"] {
      #expect(Look(name)?.mode == 0o711)
      #expect(Look(name)?.uid == geteuid())
    }
    let file = try #require(Look("\(path)/gen-1/credentials.json"))
    #expect(file.kind == S_IFREG && file.mode == 0o440 && file.uid == owner.uid && file.gid == owner.gid)
  }

  @Test mutating func `access, content and sync come in this order, and the swap comes last`() throws {
    let recorder = Recorder()
    directory = Self.make(roles, ["a"], recorder.calls)
    #expect(try directory.write([content("x", version: 1)]))
    #expect(
      recorder.changes.map { "\($0.step) \($0.name)" } == [
        "makeParent roles", "acl roles", "chmod roles", "makeDirectory uploader", "acl uploader", "chmod uploader",
        "makeDirectory gen-1", "acl gen-1", "create a", "acl a", "chmod a", "chown a", "content a", "sync a",
        "link .expires", "chmod gen-1", "syncDirectory gen-1", "link a", "rename a", "link current", "rename current",
        "syncDirectory uploader",
      ])
  }

  @Test mutating func `the same content isn't written again`() throws {
    _ = try directory.write(contents(1))
    let before = Look("\(path)/gen-1/credentials.json")
    #expect(try !directory.write(contents(1)))
    #expect(Look("\(path)/gen-1/credentials.json") == before)
  }

  @Test mutating func `the previous snapshot stays until the next swap`() throws {
    for number in 1...4 as ClosedRange<UInt64> { _ = try directory.write(contents(number)) }
    #expect(names(path).subtracting(Self.outputs) == ["current", "gen-3", "gen-4"])
    expectContent(4)
  }

  /// The current files were reported as not written.
  @Test mutating func `a foreign directory in the previous snapshot blocks nothing`() throws {
    for number in 1...2 as ClosedRange<UInt64> { _ = try directory.write(contents(number)) }
    mkdir("\(path)/gen-1/somebody's", 0o755)
    #expect(try directory.isCurrent([2, 2], until: anHourOn, at: .max))
    #expect(names("\(path)/gen-1") == ["somebody's"])
    rmdir("\(path)/gen-1/somebody's")
    // It is marked for removal, so the next check removes it, whenever its end is.
    #expect(try directory.isCurrent([2, 2], until: anHourOn, at: 0))
    #expect(Look("\(path)/gen-1") == nil)
    expectContent(2)
  }

  @Test mutating func `after a restart numbering continues from current, and leftovers are removed`() throws {
    for number in 1...3 as ClosedRange<UInt64> { _ = try directory.write(contents(number)) }
    mkdir("\(path)/gen-4", 0o700)
    try temporary.write("half", to: "roles/uploader/gen-4/credentials.json")
    symlink("gen-4", "\(path)/.current.rolekeeper-new")
    symlink("current/old.json", "\(path)/old.json")
    try temporary.write("a person's", to: "roles/uploader/README")
    directory = Self.make(roles)
    #expect(try directory.write(contents(9)))
    expectContent(9)
    #expect(names(path) == ["gen-3", "gen-4", "current", "credentials.json", "credentials.env", "README"])
    #expect(names("\(path)/gen-4") == Set(Self.outputs + [".expires"]))
  }

  struct Drift: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let happen: @Sendable (String) -> Void
  }

  @Test(arguments: [
    Drift(testDescription: "another mode") { chmod("\($0)/current/credentials.json", 0o644) },
    Drift(testDescription: "another owner, and back") { path in
      chown("\(path)/current/credentials.json", isRoot ? 99 : geteuid(), getegid())
      chown("\(path)/current/credentials.json", owner.uid, owner.gid)
    },
    Drift(testDescription: "other content of the same size") { path in
      chmod("\(path)/current/credentials.json", 0o640)
      let file = open("\(path)/current/credentials.json", O_WRONLY)
      write(file, "X", 1)
      close(file)
      chmod("\(path)/current/credentials.json", 0o440)
    },
    Drift(testDescription: "a file that is gone") { unlink("\($0)/gen-1/credentials.env") },
    Drift(testDescription: "a link that is gone") { unlink("\($0)/credentials.env") },
    Drift(testDescription: "a link that is a file") { path in
      unlink("\(path)/credentials.env")
      close(open("\(path)/credentials.env", O_CREAT | O_WRONLY, 0o600))
    },
    Drift(testDescription: "a generation closed to others") { chmod("\($0)/gen-1", 0o700) },
  ])
  mutating func `a drifted file is replaced by a new snapshot`(_ drift: Drift) throws {
    _ = try directory.write(contents(1))
    drift.happen(path)
    #expect(try directory.write(contents(1)))
    expectContent(1)
    #expect(target("\(path)/current") == "gen-2")
    #expect(Look("\(path)/current/credentials.json")?.mode == 0o440)
    #expect(Look("\(path)/gen-2/credentials.json")?.uid == owner.uid)
    #expect(try !directory.write(contents(1)))
  }

  @Test(arguments: ["", "/etc", "gen-x", "gen-18446744073709551615"])
  mutating func `a lost or wrong current link is fixed`(_ wrong: String) throws {
    _ = try directory.write(contents(1))
    unlink("\(path)/current")
    if !wrong.isEmpty { symlink(wrong, "\(path)/current") }
    #expect(try directory.write(contents(1)))
    expectContent(1)
    #expect(target("\(path)/current") == "gen-2")
  }

  @Test mutating func `a vanished directory is created again`() throws {
    _ = try directory.write(contents(1))
    rename(roles, temporary.path("gone"))
    #expect(try directory.write(contents(1)))
    expectContent(1)
  }

  @Test(arguments: [ENOSPC, EIO])
  mutating func `whichever step fails, the old snapshot stays whole and no leftover remains`(_ number: CInt) throws {
    for step in 0... {
      directory = Self.make(temporary.path("roles"))
      try directory.removeAll()
      // Numbering starts again with it.
      directory = Self.make(temporary.path("roles"))
      _ = try directory.write(contents(1))
      _ = try directory.write(contents(2))
      let recorder = Recorder(failing: step, with: number)
      directory.calls = recorder.calls
      let before = Look("\(path)/current/credentials.json")
      do throws(FileOutputError) {
        _ = try directory.write(contents(3))
        // What can't be removed is a leftover, which keeps nothing new from its readers.
        let failed = recorder.taken[step]
        #expect(failed.name == "gen-1" || (Self.outputs + [".expires"]).contains(failed.name), "\(failed)")
        expectContent(3)
        #expect(try directory.write(contents(4)))
        #expect(names(path).contains("gen-1") == false, "\(failed) is tried again")
        continue
      } catch {
        #expect("\(error)".contains(String(cString: strerror(number))) && "\(error)".contains("; "), "\(error)")
        if recorder.changes.last == Recorder.Taken(step: .syncDirectory, name: "uploader") { break }
        expectContent(2, "\(error)")
        #expect(Look("\(path)/current/credentials.json") == before)
        #expect(names(path).subtracting(["gen-1"]) == ["gen-2", "current", "credentials.json", "credentials.env"])
      }
    }
    expectContent(3)
    directory.calls = Calls()
    #expect(try directory.write(contents(3)))
    expectContent(3)
  }

  /// A directory that somebody made in an old snapshot kept every later one from being written.
  @Test mutating func `the number skips a snapshot that can't be removed, which loses its files`() throws {
    _ = try directory.write(contents(1))
    unlink("\(path)/gen-1/credentials.env")
    mkdir("\(path)/gen-1/credentials.env", 0o755)
    for number in 2...4 as ClosedRange<UInt64> {
      #expect(try directory.write(contents(number)))
      expectContent(number)
    }
    #expect(names("\(path)/gen-1") == ["credentials.env"])
    // An earlier process's half-written snapshot, with exactly the next number, that can't be removed either.
    mkdir("\(path)/gen-5", 0o700)
    mkdir("\(path)/gen-5/credentials.json", 0o700)
    directory = Self.make(roles)
    #expect(try directory.write(contents(5)))
    expectContent(5)
    #expect(target("\(path)/current") == "gen-6")
    #expect(throws: FileOutputError.self) { try directory.withdraw() }
    #expect(names(path) == ["gen-1", "gen-5", "credentials.json", "credentials.env"], "what holds content is gone")
  }

  @Test mutating func `a name that only looks like a snapshot's is left alone`() throws {
    _ = try directory.write(contents(1))
    for name in ["gen-007", "gen-+7", "gen-7a"] { mkdir("\(path)/\(name)", 0o700) }
    _ = try directory.write(contents(2))
    #expect(names(path).isSuperset(of: ["gen-007", "gen-+7", "gen-7a", "gen-2"]))
  }

  @Test mutating func `withdrawn outputs are missing, and the next snapshot has a higher number`() throws {
    _ = try directory.write(contents(1))
    _ = try directory.write(contents(2))
    try directory.withdraw()
    #expect(open("\(path)/credentials.json", O_RDONLY) == -1 && errno == ENOENT)
    #expect(names(path) == ["credentials.json", "credentials.env"])
    try directory.withdraw()
    _ = try directory.write(contents(2))
    #expect(target("\(path)/current") == "gen-3")
    expectContent(2)
  }

  @Test mutating func `a removed role leaves nothing behind but other users' files`() throws {
    _ = try directory.write(contents(1))
    try temporary.write("", to: "roles/uploader/README")
    try directory.removeAll()
    #expect(names(path) == ["README"])
    unlink("\(path)/README")
    try directory.removeAll()
    #expect(names(roles) == [])
    try directory.removeAll()
  }

  @Test mutating func `a symlink in place of the role's directory isn't followed`() throws {
    let elsewhere = temporary.path("elsewhere")
    mkdir(roles, 0o755)
    mkdir(elsewhere, 0o755)
    symlink(elsewhere, path)
    #expect(throws: FileOutputError.self) { try directory.write(contents(1)) }
    #expect(names(elsewhere) == [])
  }

  @Test mutating func `a symlink on the way isn't followed`() throws {
    let real = temporary.path("real")
    mkdir(real, 0o755)
    symlink(real, temporary.path("link"))
    directory = Self.make(temporary.path("link/roles"))
    let error = try #require(throws: FileOutputError.self) { try directory.write(contents(1)) }
    #expect("\(error)".contains("link'") && "\(error)".contains("without symlinks"))
    #expect(names(real) == [])
  }

  @Test mutating func `a directory that others may write to isn't used`() throws {
    mkdir(roles, 0o755)
    chmod(roles, 0o777)
    let error = try #require(throws: FileOutputError.self) { try directory.write(contents(1)) }
    #expect("\(error)".contains("'\(roles)'") && "\(error)".contains("mode 0777"))
  }

  @Test mutating func `a directory in an output's place is an error and stays`() throws {
    mkdir(roles, 0o755)
    mkdir(path, 0o711)
    mkdir("\(path)/credentials.env", 0o711)
    let error = #expect(throws: FileOutputError.self) { try directory.write(contents(1)) }
    #expect(error == .inTheWay(path: "\(path)/credentials.env", what: "directory"))
    #expect(names(path).isSubset(of: ["credentials.env", "credentials.json"]))
  }
}
