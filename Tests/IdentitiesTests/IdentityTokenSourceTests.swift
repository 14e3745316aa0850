import CloudAPI
import Core
import Glibc
import Settings
import Systemd
import TestSupport
import Testing

@testable import Identities

/// A source whose identity token is in a file that somebody else replaces.
@Suite struct IdentityTokenSourceTests {
  private let directory: TemporaryDirectory
  private let loop: EventLoop
  private let source: IdentityTokenSource

  init() throws {
    directory = try TemporaryDirectory()
    loop = try EventLoop()
    let token = IdentityTokenSettings(
      providerARN: "acs:ram::1:oidc-provider/i", tokenFile: directory.path("token"))
    source = try IdentityTokenSource(
      SourceSettings(name: "token", kind: .identityToken(token)), token, log: LogRecorder().log, scheduler: loop)
  }

  /// What keeps the next request from being signed; nil if there is a token.
  private func failure() throws -> Failure? {
    var signer: SourceSigner?
    let reading = source.withSigner { signer = $0 }
    while signer == nil { _ = try loop.runOnce(timeout: .seconds(10)) }
    withExtendedLifetime(reading) {}
    if case .none(let failure)? = signer { return failure }
    return nil
  }

  /// A file that was absent for a moment stopped its roles for minutes.
  @Test func `faults of the file pass, and a new file is noticed`() throws {
    var changes = 0
    source.changed = { changes += 1 }
    try source.watch(on: loop)
    var found = try failure()
    #expect(found?.kind == .transient && found?.code == Failure.identityTokenFileCode)
    try directory.write("half of\na token", to: "new")
    rename(directory.path("new"), directory.path("token"))
    while try loop.runOnce(timeout: .milliseconds(20)) {}
    found = try failure()
    #expect(changes == 1 && found?.kind == .transient)
    try directory.write("aa.bb.cc", to: "new")
    rename(directory.path("new"), directory.path("token"))
    while try loop.runOnce(timeout: .milliseconds(20)) {}
    #expect(changes == 2)
    #expect(try failure() == nil)
    try directory.write("x", to: "unrelated")
    while try loop.runOnce(timeout: .milliseconds(20)) {}
    #expect(changes == 2, "another file in its directory")
  }

  /// Whatever lies there, the loop isn't held up: a FIFO without a writer, or a tape, would do that.
  @Test(arguments: ["a FIFO", "a directory", "a device", "a link to a device", "a socket"])
  func `what isn't a regular file is refused without waiting for it`(kind: String) throws {
    let path = directory.path("token")
    switch kind {
    case "a FIFO": try #require(mkfifo(path, 0o644) == 0)
    case "a directory": try #require(mkdir(path, 0o755) == 0)
    case "a socket": _ = try ListeningSocket(path)
    case "a device":
      // Only root can make one.
      guard geteuid() == 0 else { return }
      try #require(mknod(path, S_IFCHR | 0o644, 0x0105) == 0)
    default: try #require(symlink("/dev/zero", path) == 0)
    }
    let found = try failure()
    #expect(found?.code == Failure.identityTokenFileCode && found?.kind == .transient)
    let why = kind == "a socket" ? "No such device or address" : "not a regular file"
    #expect(found?.advice.contains(why) == true, "\(found?.advice ?? "")")
  }

  @Test func `a huge file isn't read`() throws {
    try directory.write("", to: "token")
    try #require(truncate(directory.path("token"), 1 << 40) == 0)
    #expect(try failure()?.advice.contains("larger than") == true)
  }

  @Test func `a file that others may write to, or own, isn't used`() throws {
    try directory.write("aa.bb.cc", to: "token")
    chmod(directory.path("token"), 0o664)
    #expect(try failure()?.advice.contains("may write to it") == true)
    chmod(directory.path("token"), 0o644)
    #expect(try failure() == nil)
    // Only root can give a file away.
    guard geteuid() == 0 else { return }
    chown(directory.path("token"), 65_534, 65_534)
    #expect(try failure()?.advice.contains("another user than root") == true)
  }
}
