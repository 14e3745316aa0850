import Core
import Glibc
import TestSupport
import Testing

@testable import Settings

@Suite struct SystemHostTests {
  private let host = SystemHost()

  @Test func `users and groups have names and numbers`() throws {
    #expect(try host.user(named: "root") == HostUser(name: "root", uid: 0, gid: 0))
    #expect(try host.user(uid: 0)?.name == "root")
    #expect(try host.group(named: "root") == HostGroup(name: "root", gid: 0))
    #expect(try host.group(gid: 0)?.name == "root")
    #expect(host.groups(of: HostUser(name: "root", uid: 0, gid: 0)).contains(0))
    #expect(try host.user(named: "no such user") == nil)
    #expect(try host.user(uid: 3_999_999_999) == nil)
    #expect(try host.group(named: "no such group") == nil)
    #expect(try host.group(gid: 3_999_999_999) == nil)
    #expect(!host.name.isEmpty)
  }

  /// STS would refuse a session name with an empty host, or with another host than `check` used.
  @Test func `a host without a name is localhost`() {
    #expect(SystemHost.name { _, _ in -1 } == "localhost")
    #expect(SystemHost.name { _, _ in 0 } == "localhost")
    #expect(
      SystemHost.name { buffer, count in
        (0..<count).forEach { buffer[$0] = CChar(UInt8(ascii: "x")) }
        return 0
      } == String(repeating: "x", count: 255))
  }

  @Test func `files are read with their status`() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("twelve bytes", to: "a.toml", mode: 0o640)
    let (status, bytes) = try host.read(path, limit: 12)
    #expect(String(decoding: bytes, as: UTF8.self) == "twelve bytes")
    #expect(status == FileStatus(kind: .file, uid: geteuid(), gid: getegid(), mode: 0o640))
    #expect(try host.status(of: directory.path).kind == .directory)
    #expect(throws: HostError.tooLarge(limit: 11)) { try host.read(path, limit: 11) }
    #expect(try host.names(in: directory.path).contains("a.toml"))
    #expect(host.mayWrite(to: directory.path) && !host.mayWrite(to: directory.path("none")))
    #expect(throws: HostError.other("Not a directory")) { try host.names(in: path) }
    symlink(path, directory.path("link"))
    #expect(try host.realPath(of: directory.path("link")) == host.realPath(of: path))
  }

  @Test(arguments: [EIO, EAGAIN, ETIMEDOUT, EMFILE, ENOMEM, ESTALE])
  func `errors that may end soon are passing errors`(_ number: CInt) {
    #expect(HostError(number: number) == .passing(String(cString: strerror(number))))
  }

  @Test func `errors that a person has to fix aren't passing errors`() {
    #expect(HostError(number: ELOOP) == .other(String(cString: strerror(ELOOP))))
    #expect(HostError(number: EACCES) == .denied && HostError(number: ENOENT) == .missing)
  }

  @Test func `the ACLs of files and directories are read`() throws {
    let directory = try TemporaryDirectory()
    let path = try directory.write("", to: "a.toml", mode: 0o640)
    #expect(try host.status(of: path).accessList == nil)
    try AccessControlList.lets(1001, at: path)
    for list in [try host.status(of: path).accessList, try host.read(path, limit: 12).status.accessList] {
      #expect(try #require(list).grant(of: 4, besides: [])?.subject == .user(1001))
      #expect(list?.grant(of: 2, besides: []) == nil)
    }
    try AccessControlList.letsWrite(1001, at: directory.path)
    #expect(try host.status(of: directory.path).accessList?.grant(of: 2, besides: [])?.text("x") == "user:x:rwx")
  }

  @Test func `anything that isn't a regular file is refused without blocking`() throws {
    let directory = try TemporaryDirectory()
    mkfifo(directory.path("fifo"), 0o600)
    #expect(throws: HostError.notAFile) { try host.read(directory.path("fifo"), limit: 10) }
    #expect(throws: HostError.notAFile) { try host.read(directory.path, limit: 10) }
    #expect(throws: HostError.missing) { try host.read(directory.path("none"), limit: 10) }
    #expect(throws: HostError.missing) { try host.names(in: directory.path("none")) }
    #expect(throws: HostError.missing) { try host.status(of: directory.path("none")) }
  }

  /// End to end on real files: files of other users than root and ours are refused.
  @Test func `settings load from a user's own directory`() throws {
    let directory = try TemporaryDirectory()
    try directory.write("key", to: "key.csv", mode: 0o600)
    let text = """
      [source.main]
      type = "access-key"
      file = "key.csv"
      [socket]
      path = "\(directory.path("socket"))"
      [roles.uploader]
      role_arn = "acs:ram::1234567890123456:role/a"
      """
    let path = try directory.write(text, to: "settings.toml")
    let loaded = SettingsLoader().load(path)
    #expect(loaded.diagnostics == [])
    #expect(
      loaded.settings?.sources == [SourceSettings(name: "main", accessKey: .file(path: directory.path("key.csv")))])
    chmod(path, 0o666)
    #expect(
      SettingsLoader().load(path).diagnostics.map(\.description) == [
        "\(path): everybody may write to it (mode 0666); keep it in /etc/rolekeeper, or in another directory that root alone may write to, with all directories above"
      ])
  }
}
