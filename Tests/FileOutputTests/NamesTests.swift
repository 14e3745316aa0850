import Core
import Glibc
import Testing

@testable import FileOutput

@Suite struct NamesTests {
  /// A slash with a combining character after it wasn't one, so that the steps before and after it weren't checked.
  @Test func `a slash is one whatever follows it`() throws {
    for text in ["/a/../\u{301}b", "/a/./\u{301}b", "/a//\u{301}b", "//\u{301}a"] {
      #expect(OutputPath(text) == nil, "\(text)")
    }
    let path = try #require(OutputPath("/srv/\u{301}app/\u{FE0F}key"))
    #expect(
      path.directory.utf8.elementsEqual("/srv/\u{301}app".utf8) && path.name.utf8.elementsEqual("\u{FE0F}key".utf8))
    let steps = try #require(DirectoryPath("/srv/\u{301}app/x")).steps
    #expect(steps.count == 3)
  }

  @Test(arguments: ["", "relative", "/", "/a/", "//a", "/a/../b", "/./a", "/a\0b"])
  func `an ambiguous path is refused`(_ text: String) {
    #expect(OutputPath(text) == nil)
  }

  @Test(arguments: ["/a", "/etc/app/key.json", "/srv/a b/ü"])
  func `a path is split into directory and name`(_ text: String) throws {
    #expect(try #require(OutputPath(text)).description == text)
  }

  @Test(arguments: ["", ".", "..", ".hidden", "a/b", "current", "gen-1", "gen-x", String(repeating: "a", count: 201)])
  func `a name in the role's directory is plain and not one of its own`(_ text: String) {
    #expect(OutputName(text) == nil)
  }

  struct Text: Sendable {
    let step: Step
    let number: CInt
    var path = "/srv/app/key.json"
    var noun = "file"
    let contains: [String]
    var lacks: [String] = []
  }

  @Test(arguments: [
    Text(
      step: .create, number: EROFS, contains: ["systemctl edit rolekeeper", "[Service]", "ReadWritePaths=-/srv/app'"],
      lacks: ["install"]),
    Text(step: .content, number: ENOSPC, contains: ["cannot write its content", "No space left", "make room"]),
    Text(step: .chown, number: EPERM, contains: ["CAP_CHOWN", "root"]),
    Text(step: .create, number: EACCES, contains: ["uid \(geteuid())", "'/srv/app'", "rolekeeper check"]),
    Text(step: .openDirectory, number: ELOOP, noun: "directory", contains: ["without symlinks"]),
    Text(
      step: .makeParent, number: EROFS, path: "/srv/app", noun: "directory",
      contains: ["'install -d -o \(OwnUser.name) -m 0711 /srv/app'", "ReadWritePaths=-/srv/app'"]),
    Text(
      step: .makeParent, number: EROFS, path: "/etc/roles", noun: "directory", contains: ["rolekeeper check"],
      lacks: ["install", "ReadWritePaths"]),
    Text(
      step: .create, number: EROFS, path: "/etc/a", contains: ["rolekeeper check"],
      lacks: ["install", "ReadWritePaths"]),
  ])
  func `an error has a fix`(_ row: Text) {
    let text = "\(FileOutputError.system(row.step, path: row.path, errno: row.number))"
    #expect(text.hasPrefix("\(row.noun) '\(row.path)': cannot "), "\(text)")
    for part in row.contains { #expect(text.contains(part), "\(text)") }
    for part in row.lacks { #expect(!text.contains(part), "\(text)") }
  }

  /// With the proposed drop-in the next error was that the directory's owner keeps the daemon out.
  @Test func `a drop-in is proposed only where the daemon could write with it`() {
    func fix(isKeptOut: Bool, _ own: OwnPlace?) -> String {
      FileOutputError.readOnlyFix(.create, "/srv/root/c.env", isKeptOut: { _ in isKeptOut }, place: own)
    }
    let own = OwnPlace(path: "/srv/rolekeeper", isThere: false, isOpen: false)
    #expect(fix(isKeptOut: false, own).contains("ReadWritePaths=-/srv/root'"))
    let text = fix(isKeptOut: true, own)
    #expect(!text.contains("-/srv/root"))
    for part in [
      "sudo install -d -o \(OwnUser.name) -m 0711 /srv/rolekeeper", "path = \"/srv/rolekeeper/c.env\"",
      "ReadWritePaths=-/srv/rolekeeper'", "'sudo systemctl restart rolekeeper'",
    ] { #expect(text.contains(part), "\(text)") }
    let ready = fix(isKeptOut: true, OwnPlace(path: "/srv/rolekeeper", isThere: true, isOpen: true))
    #expect(!ready.contains("install") && !ready.contains("ReadWritePaths") && ready.contains("systemctl reload"))
    let none = fix(isKeptOut: true, nil)
    #expect(none.contains("rolekeeper check") && !none.contains("install") && !none.contains("ReadWritePaths"))
  }

  @Test func `no error proposes opening a home to the daemon`() {
    let text = "\(FileOutputError.hiddenDirectory(path: "/home/alice"))"
    #expect(text.contains("rolekeeper check") && !text.contains("BindPaths"), "\(text)")
  }

  /// A proposed command never changes existing files, nor anything that belongs to the host or is in somebody's home.
  @Test(arguments: [
    FileOutputError.looseDirectory(path: "/tmp", uid: 0, gid: 0, mode: 0o1777),
    .looseDirectory(path: "/srv/shared", uid: 0, gid: 2000, mode: 0o2775),
    .foreignDirectory(path: "/srv/app", uid: 99, mode: 0o700),
    .foreignDirectory(path: "/srv/app", uid: 99, mode: 0o700, origin: .others),
    .missingDirectory(path: "/etc/app", isInRoots: true), .missingDirectory(path: "/home/alice/app", isInRoots: true),
    .missingDirectory(path: "/srv/alice/app", isInRoots: false), .missingDirectory(path: "/app", isInRoots: true),
    .system(.create, path: "/root/a", errno: EACCES), .system(.makeParent, path: "/usr/lib/roles", errno: EROFS),
    .missingDirectory(path: "/srv/my app", isInRoots: true), .system(.create, path: "/srv/a /etc/c", errno: EROFS),
    .system(.create, path: "/usr/lib/a", errno: EROFS), .system(.makeDirectory, path: "/run/x", errno: EACCES),
  ])
  func `no error proposes a command that could break the host`(_ error: FileOutputError) {
    for command in ["chmod", "chown", "install", "rm ", "remove it", "ReadWritePaths"] {
      #expect(!"\(error)".contains(command), "\(error)")
    }
  }

  @Test func `a missing directory in one of root's gets the command that creates it`() {
    #expect(
      "\(FileOutputError.missingDirectory(path: "/srv/app", isInRoots: true))"
        == "directory '/srv/app': there is no such directory; make it: install -d -o \(OwnUser.name) -m 0711 /srv/app"
    )
  }

  /// Without the second half the next error was a read-only path.
  @Test func `a missing directory that is also read-only for the unit gets both steps`() {
    let text = "\(FileOutputError.missingDirectory(path: "/srv/app", isInRoots: true, isReadOnly: true))"
    #expect(
      text.hasSuffix(
        "make it: install -d -o \(OwnUser.name) -m 0711 /srv/app; then let the unit write there: run 'sudo systemctl edit rolekeeper', add the lines '[Service]' and 'ReadWritePaths=-/srv/app', then run 'sudo systemctl restart rolekeeper'"
      ), "\(text)")
  }

  /// Giving it back would have made everything that its owner had put there the daemon's.
  @Test func `a role's directory of another owner is to be moved away, whoever created it`() {
    let text = { (origin: DirectoryOrigin) in
      "\(FileOutputError.foreignDirectory(path: "/run/rolekeeper/roles/a", uid: 0, mode: 0o711, origin: origin))"
    }
    #expect(
      text(.ours).contains("uid 0 (mode 0711)") && text(.ours).contains("its owner was changed"), "\(text(.ours))")
    #expect(text(.others).contains("put in place of the daemon's"), "\(text(.others))")
    for text in [text(.ours), text(.others)] {
      #expect(text.hasSuffix("move it away: the daemon makes a new one") && !text.contains("chown"), "\(text)")
    }
  }

  static let mounts = """
    22 1 259:1 / / rw,relatime shared:1 - ext4 /dev/root rw
    23 22 0:21 / /run rw,nosuid shared:2 - tmpfs tmpfs rw,mode=755
    24 23 0:22 / /run/shm\\040x rw master:3 propagate_from:2 - ext4 /dev/sdb rw
    25 22 0:23 / /dev/ram rw - ramfs ramfs rw
    26 22 0:24 / /srv rw - tmpfs tmpfs rw
    27 22 0:25 / /srv rw - nfs4 host:/srv rw
    a line that isn't one
    """

  struct Place: Sendable {
    let path: String
    let isInMemory: Bool
  }

  @Test(arguments: [
    Place(path: "/run/rolekeeper/roles/a", isInMemory: true),
    Place(path: "/run", isInMemory: true),
    Place(path: "/running", isInMemory: false),
    Place(path: "/run/shm x/a", isInMemory: false),
    Place(path: "/dev/ram", isInMemory: true),
    Place(path: "/srv/a", isInMemory: false),
    Place(path: "/etc", isInMemory: false),
  ])
  func `file systems in memory are known from the mounts`(_ row: Place) {
    #expect(MountTable(Self.mounts).isInMemory(row.path) == row.isInMemory)
  }

  @Test func `without a list of mounts everything counts as a disk`() {
    #expect(!MountTable("").isInMemory("/run"))
  }
}
