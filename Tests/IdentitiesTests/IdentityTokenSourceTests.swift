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
    source = IdentityTokenSource(
      SourceSettings(name: "token", kind: .identityToken(token)), token, log: LogRecorder().log
    ) { Timestamp(microseconds: 0) }
  }

  private var failure: Failure? { if case .none(let failure) = source.signer { failure } else { nil } }

  /// A file that was absent for a moment stopped its roles for minutes.
  @Test func `faults of the file pass, and a new file is noticed`() throws {
    var changes = 0
    source.changed = { changes += 1 }
    try source.watch(on: loop)
    #expect(failure?.kind == .transient && failure?.code == Failure.identityTokenFileCode)
    try directory.write("half of\na token", to: "new")
    rename(directory.path("new"), directory.path("token"))
    while try loop.runOnce(timeout: .milliseconds(20)) {}
    #expect(changes == 1 && failure?.kind == .transient)
    try directory.write("aa.bb.cc", to: "new")
    rename(directory.path("new"), directory.path("token"))
    while try loop.runOnce(timeout: .milliseconds(20)) {}
    #expect(changes == 2 && failure == nil)
    try directory.write("x", to: "unrelated")
    while try loop.runOnce(timeout: .milliseconds(20)) {}
    #expect(changes == 2, "another file in its directory")
  }

  @Test func `a file that others may write to, or own, isn't used`() throws {
    try directory.write("aa.bb.cc", to: "token")
    chmod(directory.path("token"), 0o664)
    #expect(failure?.advice.contains("may write to it") == true)
    chmod(directory.path("token"), 0o644)
    #expect(failure == nil)
    // Only root can give a file away.
    guard geteuid() == 0 else { return }
    chown(directory.path("token"), 65_534, 65_534)
    #expect(failure?.advice.contains("another user than root") == true)
  }
}
