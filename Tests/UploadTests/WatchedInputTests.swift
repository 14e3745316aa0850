import Core
import Glibc
import Synchronization
import Systemd
import TestSupport
import Testing

@testable import Upload

@Suite struct WatchedInputTests {
  private final class FakeWatches: WatchedInput.Watches {
    var onChange: (() -> Void)?
    private(set) var directories: Set<String> = []

    func follow(_ directories: [String]) -> Bool {
      defer { self.directories = Set(directories) }
      return !Set(directories).isSubset(of: self.directories)
    }
  }

  /// A directory whose content the test sets, and that counts how often it was listed.
  private final class FakeTree: Sendable {
    let names = Mutex<[String]>([])
    let failure = Mutex<CInt>(0)
    /// What can't be read in it.
    let locked = Mutex<[String]>([])
    /// Those of the files that can't be read.
    let unreadable = Mutex<[String]>([])
    let lists = Mutex(0)
    let place = Mutex<UInt64>(1)

    func list() -> InputList {
      lists.withLock { $0 += 1 }
      var list = InputList()
      let number = failure.withLock { $0 }
      if number != 0 {
        let problem = number == ENOTDIR ? InputProblem.foreignExtension : .system(number)
        list.fail(Array("w".utf8), in: list.add(.init(path: "", resolvedPath: "")), problem)
        return list
      }
      let directory = list.add(.init(path: "w", resolvedPath: "/w"))
      for name in locked.withLock({ $0 }) { list.fail(Array(name.utf8), in: directory, .system(EACCES)) }
      let unreadable = unreadable.withLock { $0 }
      for name in names.withLock({ $0 }) {
        let identity = FileIdentity(size: 1, modified: 1, inode: 1, device: 1)
        if unreadable.contains(name) {
          list.add(Array(name.utf8), in: directory, identity, unreadable: EACCES)
        } else {
          list.add(Array(name.utf8), in: directory, identity)
        }
      }
      return list
    }
  }

  private let scheduler = VirtualScheduler()
  private let watches = FakeWatches()
  private let tree = FakeTree()
  private let ready = Ready()
  private let input: WatchedInput

  private final class Ready {
    var paths: [String] = []
  }

  init() throws {
    let tree = self.tree
    input = try WatchedInput(
      ["w/"], settle: .seconds(10), watches: watches, on: scheduler, list: { tree.list() },
      look: { [WatchedInput.Place(device: 1, inode: tree.place.withLock { $0 })] },
      handler: { [ready] in ready.paths += $0.map(\.path) })
    input.start()
    scheduler.settle()
  }

  private var lists: Int { tree.lists.withLock { $0 } }

  private func put(_ names: String...) {
    tree.names.withLock { $0 = names }
    watches.onChange?()
  }

  @Test func `a file that appears is given out once it has settled`() {
    scheduler.advance(by: .seconds(5))
    put("a.mp4")
    scheduler.advance(by: .seconds(9))
    #expect(ready.paths == [])
    scheduler.advance(by: .seconds(1))
    #expect(ready.paths == ["w/a.mp4"])
    scheduler.advance(by: .seconds(300))
    #expect(ready.paths == ["w/a.mp4"])
  }

  @Test func `a flood of changes causes at most one list per second`() {
    scheduler.advance(by: .seconds(2))
    let before = lists
    for _ in 0..<100 {
      watches.onChange?()
      scheduler.advance(by: .milliseconds(50))
    }
    #expect((5...6).contains(lists - before))
  }

  @Test func `changes that no watch reports are found within a minute and the time to settle`() {
    scheduler.advance(by: .seconds(2))
    tree.names.withLock { $0 = ["a.mp4"] }
    scheduler.advance(by: .seconds(71))
    #expect(ready.paths == ["w/a.mp4"])
  }

  @Test func `a directory that wasn't watched while it was listed is listed again`() {
    #expect(watches.directories == ["/w"] && lists == 1)
    scheduler.advance(by: .seconds(1))
    #expect(lists == 2)
    scheduler.advance(by: .seconds(58))
    #expect(lists == 2)
  }

  @Test func `a slow list isn't begun twice, and none follows at once`() {
    scheduler.advance(by: .seconds(2))
    let before = lists
    scheduler.callsHang = true
    put("a.mp4")
    scheduler.advance(by: .seconds(3))
    watches.onChange?()
    scheduler.callsHang = false
    scheduler.settle()
    #expect(lists == before + 1)
    // It took three seconds, so thirty are left for other things.
    scheduler.advance(by: .seconds(29))
    #expect(lists == before + 1)
    scheduler.advance(by: .seconds(2))
    #expect(lists == before + 2)
  }

  @Test func `a missing directory is reported, and watched again when it returns`() {
    var changes: [WatchedInput.Change] = []
    input.onChange = { changes.append($0) }
    let loss = InputEntry(path: "w", content: .failed(.watched(ENOENT)))
    tree.failure.withLock { $0 = ENOENT }
    scheduler.advance(by: .seconds(2))
    watches.onChange?()
    scheduler.advance(by: .seconds(200))
    #expect(changes == [.gone(loss)] && input.gone == [loss] && ready.paths.isEmpty)
    #expect(loss.result?.trouble?.error == "the watched directory can't be read: No such file or directory")
    tree.failure.withLock { $0 = 0 }
    tree.names.withLock { $0 = ["a.mp4"] }
    // Nothing watches its place, which is looked at every five seconds.
    scheduler.advance(by: .seconds(16))
    #expect(changes == [.gone(loss), .back(path: "w")] && input.gone.isEmpty && ready.paths == ["w/a.mp4"])
    // What was given out before isn't given out again.
    tree.failure.withLock { $0 = ENOENT }
    watches.onChange?()
    scheduler.advance(by: .seconds(100))
    tree.failure.withLock { $0 = 0 }
    put("a.mp4", "b.mp4")
    scheduler.advance(by: .seconds(100))
    #expect(changes.count == 4 && ready.paths == ["w/a.mp4", "w/b.mp4"])
  }

  /// It stayed failed for its extension.
  @Test func `a file in a watched directory's place for a while is no failure once the directory is back`() {
    tree.failure.withLock { $0 = ENOTDIR }
    watches.onChange?()
    scheduler.advance(by: .seconds(100))
    #expect(input.gone == [InputEntry(path: "w", content: .failed(.watched(ENOTDIR)))] && ready.paths.isEmpty)
    tree.failure.withLock { $0 = 0 }
    scheduler.advance(by: .seconds(100))
    #expect(input.gone.isEmpty && ready.paths.isEmpty)
  }

  /// It stayed failed, although its files were uploaded later in the same run.
  @Test func `what can't be read for a while is no failure once it can be`() {
    var changes: [WatchedInput.Change] = []
    input.onChange = { changes.append($0) }
    let loss = InputEntry(path: "w/locked", content: .failed(.inWatched(EACCES)))
    tree.locked.withLock { $0 = ["locked"] }
    put("a.mp4")
    scheduler.advance(by: .seconds(100))
    #expect(changes == [.gone(loss)] && input.gone == [loss] && ready.paths == ["w/a.mp4"])
    #expect(loss.result?.trouble?.fix == "let this user read it; it is taken up then, by this run or the next")
    // While nothing is known of the directory nothing is known of what is in it.
    tree.failure.withLock { $0 = ENOENT }
    watches.onChange?()
    scheduler.advance(by: .seconds(100))
    #expect(input.gone.count == 2)
    tree.failure.withLock { $0 = 0 }
    tree.locked.withLock { $0 = [] }
    watches.onChange?()
    scheduler.advance(by: .seconds(100))
    #expect(input.gone.isEmpty && changes.suffix(2) == [.over(path: "w/locked"), .back(path: "w")])
    tree.locked.withLock { $0 = ["locked"] }
    watches.onChange?()
    scheduler.advance(by: .seconds(100))
    #expect(changes.last == .gone(loss))
  }

  @Test func `a file that can't be read is taken up once it can be, and one that was taken up needn't be read`() {
    tree.unreadable.withLock { $0 = ["a.mp4"] }
    put("a.mp4", "b.mp4")
    scheduler.advance(by: .seconds(100))
    #expect(input.gone == [InputEntry(path: "w/a.mp4", content: .failed(.inWatched(EACCES)))])
    #expect(ready.paths == ["w/b.mp4"])
    tree.unreadable.withLock { $0 = ["b.mp4"] }
    watches.onChange?()
    scheduler.advance(by: .seconds(100))
    #expect(input.gone.isEmpty && ready.paths == ["w/b.mp4", "w/a.mp4"])
  }

  /// It had two rows, as failed and as uploaded, if the run ended then.
  @Test func `what can be read again is no failure while another directory is gone`() throws {
    let tree = self.tree
    let input = try WatchedInput(
      ["w", "v"], settle: .seconds(10), watches: FakeWatches(), on: scheduler, list: { tree.list() }, look: { [] },
      handler: { _ in })
    tree.names.withLock { $0 = ["a.mp4"] }
    tree.unreadable.withLock { $0 = ["a.mp4"] }
    input.start()
    scheduler.advance(by: .seconds(10))
    #expect(input.gone.map(\.path) == ["w/a.mp4"])
    tree.unreadable.withLock { $0 = [] }
    scheduler.advance(by: .seconds(100))
    #expect(input.gone.isEmpty)
  }

  /// A link was switched, or something was mounted there: that went unseen for a minute.
  @Test func `another directory at a watched path is detected within seconds, without a report from a watch`() {
    scheduler.advance(by: .seconds(7))
    let before = lists
    scheduler.advance(by: .seconds(20))
    #expect(lists == before)
    tree.names.withLock { $0 = ["a.mp4"] }
    tree.place.withLock { $0 = 2 }
    scheduler.advance(by: .seconds(6))
    #expect(lists == before + 1 && input.waiting.map(\.path) == ["w/a.mp4"])
    scheduler.advance(by: .seconds(10))
    #expect(ready.paths == ["w/a.mp4"])
    // It is looked at for as long as the run takes.
    let last = lists
    tree.place.withLock { $0 = 1 }
    scheduler.advance(by: .seconds(6))
    #expect(lists == last + 1)
  }

  @Test func `a link that is switched leads to another directory, which is listed`() throws {
    let directory = try TemporaryDirectory()
    mkdir(directory.path("a"), 0o755)
    mkdir(directory.path("b"), 0o755)
    let path = directory.path("link")
    #expect(symlink("a", path) == 0)
    let lists = Mutex(0)
    let input = try WatchedInput(
      [path], settle: .seconds(10), watches: FakeWatches(), on: scheduler,
      list: {
        lists.withLock { $0 += 1 }
        var list = InputList()
        _ = list.add(.init(path: path, resolvedPath: path))
        return list
      }, handler: { _ in })
    input.start()
    scheduler.advance(by: .seconds(20))
    let before = lists.withLock { $0 }
    #expect(symlink("b", directory.path("new")) == 0 && rename(directory.path("new"), path) == 0)
    scheduler.advance(by: .seconds(6))
    #expect(lists.withLock { $0 } == before + 1)
  }

  @Test func `files that haven't settled are known`() {
    scheduler.advance(by: .seconds(5))
    put("a.mp4")
    scheduler.advance(by: .seconds(5))
    #expect(input.waiting.map(\.path) == ["w/a.mp4"])
  }

  @Test func `if no thread is available, the list is tried again`() {
    scheduler.advance(by: .seconds(2))
    scheduler.callRefusal = LoopError(attempt: "start a thread", errno: EAGAIN)
    put("a.mp4")
    scheduler.advance(by: .seconds(3))
    scheduler.callRefusal = nil
    scheduler.advance(by: .seconds(12))
    #expect(ready.paths == ["w/a.mp4"])
  }
}

/// The same with a real directory and the kernel's watches.
@Suite struct DirectoryWatchesTests {
  private let loop: EventLoop
  private let directory: TemporaryDirectory

  init() throws {
    loop = try EventLoop()
    directory = try TemporaryDirectory()
  }

  @Test func `changes in each watched directory are reported, and none after its watch has ended`() throws {
    mkdir(directory.path("a"), 0o755)
    mkdir(directory.path("b"), 0o755)
    let watches = DirectoryWatches(loop)
    var changes = 0
    watches.onChange = { changes += 1 }
    #expect(watches.follow([directory.path("a"), directory.path("b")]))
    #expect(!watches.follow([directory.path("a"), directory.path("b")]))
    for name in ["a/1.mp4", "b/2.mp4"] {
      let before = changes
      try directory.write("x", to: name)
      while try loop.runOnce() {}
      #expect(changes > before)
    }
    #expect(!watches.follow([directory.path("a")]))
    while try loop.runOnce() {}
    let before = changes
    try directory.write("x", to: "b/3.mp4")
    while try loop.runOnce() {}
    #expect(changes == before)
    #expect(watches.follow([directory.path("a"), directory.path("b")]))
  }

  @Test func `a directory that is removed and created again is watched again`() throws {
    mkdir(directory.path("a"), 0o755)
    let watches = DirectoryWatches(loop)
    var changes = 0
    watches.onChange = { changes += 1 }
    #expect(watches.follow([directory.path("a")]))
    rmdir(directory.path("a"))
    while try loop.runOnce() {}
    #expect(changes > 0)
    mkdir(directory.path("a"), 0o755)
    #expect(watches.follow([directory.path("a")]))
  }

  /// A watch stays with the directory that it was made for.
  @Test func `a path that leads to another directory by now is watched again`() throws {
    mkdir(directory.path("a"), 0o755)
    mkdir(directory.path("b"), 0o755)
    let path = directory.path("link")
    #expect(symlink("a", path) == 0)
    let watches = DirectoryWatches(loop)
    var changes = 0
    watches.onChange = { changes += 1 }
    #expect(watches.follow([path]) && !watches.follow([path]))
    #expect(symlink("b", directory.path("new")) == 0 && rename(directory.path("new"), path) == 0)
    #expect(watches.follow([path]) && !watches.follow([path]))
    while try loop.runOnce() {}
    let before = changes
    try directory.write("x", to: "a/1.mp4")
    while try loop.runOnce() {}
    #expect(changes == before)
    try directory.write("x", to: "b/2.mp4")
    while try loop.runOnce() {}
    #expect(changes > before)
  }

  @Test func `a missing directory is no failure, since the next list reports it`() throws {
    let watches = DirectoryWatches(loop)
    var failures: [String] = []
    watches.onFailure = { failures.append($0) }
    #expect(!watches.follow([directory.path("none"), ""]))
    #expect(failures == [])
  }

  @Test func `directories that can't be watched are reported once, with the reason`() throws {
    let watches = DirectoryWatches(loop)
    var failures: [String] = []
    watches.onFailure = { failures.append($0) }
    let name = String(repeating: "x", count: 300)
    #expect(!watches.follow([directory.path(name), directory.path(name + "y")]))
    #expect(failures.count == 1)
    #expect(
      failures.first?.hasSuffix("can't be watched: File name too long; what is new there is found within a minute")
        == true)
  }
}
