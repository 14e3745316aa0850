import Glibc
import Systemd
import TestNeeds
import TestSupport
import Testing

/// libsystemd never returns from an event that none of its sources asked for: each of these tests would then hang.
@Suite struct InotifySourceTests {
  /// A watched directory, and the events reported for it.
  private final class Watched {
    let loop: EventLoop
    let directory: TemporaryDirectory
    private(set) var events: [InotifySource.Event] = []
    private var sources: [InotifySource] = []

    var path: String { directory.path("watched") }

    init() throws {
      loop = try EventLoop()
      directory = try TemporaryDirectory()
      mkdir(path, 0o755)
    }

    @discardableResult
    func watch(_ then: @escaping (InotifySource.Event) -> Void = { _ in }) throws -> InotifySource {
      let source = try InotifySource(loop, directory: path) { [unowned self] event in
        events.append(event)
        then(event)
      }
      sources.append(source)
      return source
    }

    func release() { sources = [] }

    /// Turns until there is nothing left to do, and returns the events reported meanwhile.
    func settle() throws -> [InotifySource.Event] {
      events = []
      while try loop.runOnce() {}
      return events
    }
  }

  @Test func `whatever happens in the directory is reported`() throws {
    let watched = try Watched()
    try watched.watch()
    #expect(try watched.settle().isEmpty)
    let file = try watched.directory.write("x", to: "watched/file")
    #expect(try Set(watched.settle()) == [.changed])
    chmod(file, 0o400)
    #expect(try watched.settle() == [.changed])
    try watched.directory.write("x", to: "another")
    #expect(try watched.settle().isEmpty)
    rename(watched.directory.path("another"), file)
    #expect(try watched.settle().first == .changed)
    unlink(file)
    #expect(try watched.settle().last == .changed)
  }

  @Test func `a moved directory is reported gone, and later changes in it are ignored`() throws {
    let watched = try Watched()
    try watched.watch()
    rename(watched.path, watched.directory.path("moved"))
    #expect(try watched.settle() == [.gone])
    try watched.directory.write("x", to: "moved/file")
    #expect(try watched.settle().allSatisfy { $0 == .changed })
  }

  @Test(arguments: [1, 2])
  func `a removed directory is reported gone to each of its sources`(_ count: Int) throws {
    let watched = try Watched()
    for _ in 0..<count { try watched.watch() }
    _ = try watched.settle()
    rmdir(watched.path)
    let events = try watched.settle()
    #expect(events.count >= count && events.allSatisfy { $0 == .gone })
  }

  @Test(.needs(.root)) func `an unmounted directory is reported gone, and the one below it can be watched`() throws {
    let events = try PrivateMounts.run {
      let watched = try Watched()
      try PrivateMounts.mountMemory(over: watched.path, size: 65_536)
      try watched.watch()
      // Its second source shares the inotify watch.
      try watched.watch()
      _ = try watched.settle()
      try PrivateMounts.unmount(watched.path)
      let gone = try watched.settle()
      watched.release()
      try watched.watch()
      try watched.directory.write("x", to: "watched/file")
      return try (gone, watched.settle())
    }
    #expect(events.0.count >= 2 && events.0.allSatisfy { $0 == .gone })
    #expect(Set(events.1) == [.changed])
  }

  @Test func `pending events of a released source are dropped, and the other source goes on`() throws {
    let watched = try Watched()
    try watched.watch()
    var seen = 0
    let lasting = try InotifySource(watched.loop, directory: watched.path) { _ in seen += 1 }
    try watched.directory.write("x", to: "watched/file")
    // One event has been read, and is delivered to one of the two.
    try watched.loop.runOnce()
    watched.release()
    _ = try watched.settle()
    let before = seen
    #expect(before > 0)
    try watched.directory.write("x", to: "watched/file")
    #expect(try watched.settle().isEmpty)
    #expect(seen > before)
    withExtendedLifetime(lasting) {}
  }

  @Test func `a source may be released by its own handler, and replaced there`() throws {
    let watched = try Watched()
    // Each time for the event `gone`: the new directory may have the old one's inode number, which libsystemd identifies it by.
    func follow(_ event: InotifySource.Event) {
      guard event == .gone else { return }
      watched.release()
      mkdir(watched.path, 0o755)
      _ = try? watched.watch(follow)
    }
    try watched.watch(follow)
    _ = try watched.settle()
    rmdir(watched.path)
    #expect(try Set(watched.settle()) == [.gone])
    try watched.directory.write("x", to: "watched/file")
    #expect(try Set(watched.settle()) == [.changed])
    watched.release()
    try watched.directory.write("x", to: "watched/file")
    #expect(try watched.settle().isEmpty)
  }

  @Test func `a missing directory is an error that names it`() throws {
    let watched = try Watched()
    rmdir(watched.path)
    #expect {
      try watched.watch()
    } throws: {
      "\($0)" == "event loop: cannot watch the directory '\(watched.path)': No such file or directory"
        && ($0 as? LoopError)?.errno == ENOENT
    }
  }
}
