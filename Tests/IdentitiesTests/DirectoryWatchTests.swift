import Glibc
import Systemd
import TestSupport
import Testing

@testable import Identities

@Suite struct DirectoryWatchTests {
  private let directory: TemporaryDirectory
  private let loop: EventLoop

  init() throws {
    directory = try TemporaryDirectory()
    loop = try EventLoop()
    for name in ["named", "real"] { mkdir(directory.path(name), 0o755) }
  }

  /// Returns once the look, on another thread, has had its outcome.
  private func look(_ watch: DirectoryWatch) throws {
    watch.look()
    while watch.isLooking { _ = try loop.runOnce(timeout: .seconds(10)) }
  }

  /// Another key renamed over the link's target wasn't noticed before the next reload.
  @Test(arguments: ["../real/key", "hop"])
  func `a change of a link's target is noticed within a minute`(_ target: String) throws {
    try directory.write("old", to: "real/key")
    symlink("../real/key", directory.path("named/hop"))
    symlink(target, directory.path("named/key"))
    var calls = 0
    let watch = try DirectoryWatch(ofParentOf: directory.path("named/key"), loop: loop, faulted: { _ in }) {
      calls += 1
    }
    #expect(watch.isArmed)
    try look(watch)
    #expect(calls == 0, "nothing has changed")
    try directory.write("new", to: "real/new")
    rename(directory.path("real/new"), directory.path("real/key"))
    try look(watch)
    #expect(calls == 1)
    try look(watch)
    #expect(calls == 1 && watch.isArmed)
    unlink(directory.path("real/key"))
    try look(watch)
    #expect(calls == 2, "one that is gone is a change")
  }

  /// As when another file system is mounted over it.
  @Test func `another directory at the path, of which inotify says nothing, is found within a minute and watched`()
    throws
  {
    try directory.write("old", to: "real/key")
    try directory.write("other", to: "named/key")
    symlink("real", directory.path("at"))
    var calls = 0
    let watch = try DirectoryWatch(ofParentOf: directory.path("at/key"), loop: loop, faulted: { _ in }) { calls += 1 }
    symlink("named", directory.path("next"))
    rename(directory.path("next"), directory.path("at"))
    while try loop.runOnce(timeout: .milliseconds(20)) {}
    #expect(calls == 0)
    try look(watch)
    #expect(calls == 1)
    try directory.write("newer", to: "named/new")
    rename(directory.path("named/new"), directory.path("named/key"))
    while try loop.runOnce(timeout: .milliseconds(20)) {}
    #expect(calls > 1)
  }

  @Test func `a change that inotify reported isn't reported again by the next check`() throws {
    try directory.write("old", to: "named/key")
    var calls = 0
    let watch = try DirectoryWatch(ofParentOf: directory.path("named/key"), loop: loop, faulted: { _ in }) {
      calls += 1
    }
    try directory.write("newer", to: "named/new")
    rename(directory.path("named/new"), directory.path("named/key"))
    while try loop.runOnce(timeout: .milliseconds(20)) {}
    let seen = calls
    #expect(seen > 0)
    try look(watch)
    #expect(calls == seen)
  }
}
