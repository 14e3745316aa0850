import Core
import Glibc
import Testing

@testable import Upload

@Suite struct SettlingFilesTests {
  private var settling = SettlingFiles(settle: .seconds(10))

  private func list(_ files: [(name: String, size: Int64)], skipped: [String] = []) -> InputList {
    var list = InputList()
    let directory = list.add(.init(path: "w", resolvedPath: "/w"))
    for file in files {
      list.add(Array(file.name.utf8), in: directory, FileIdentity(size: file.size, modified: 1, inode: 1, device: 1))
    }
    for name in skipped { list.skip(Array(name.utf8), in: directory, .link) }
    return list
  }

  private mutating func observe(_ seconds: Int64, _ files: (String, Int64)..., skipped: [String] = []) -> [String] {
    settling.observe(list(files, skipped: skipped), at: Timestamp(microseconds: seconds * 1_000_000)).map(\.path)
  }

  @Test mutating func `a file is returned once, after it has been unchanged for ten seconds`() {
    #expect(observe(0, ("a.mp4", 1)) == [])
    #expect(settling.nextDeadline == Timestamp(microseconds: 10_000_000))
    #expect(observe(9, ("a.mp4", 1), ("b.mp4", 1)) == [])
    #expect(observe(10, ("a.mp4", 1), ("b.mp4", 1)) == ["w/a.mp4"])
    #expect(settling.nextDeadline == Timestamp(microseconds: 19_000_000))
    #expect(observe(30, ("a.mp4", 1), ("b.mp4", 1)) == ["w/b.mp4"])
    #expect(settling.nextDeadline == nil)
    #expect(observe(99, ("a.mp4", 1), ("b.mp4", 1)) == [])
  }

  @Test mutating func `the files that haven't settled are known`() {
    _ = observe(0, ("a.mp4", 1), skipped: ["l.mp4"])
    #expect(settling.waiting.map(\.path) == ["w/a.mp4"])
    _ = observe(10, ("a.mp4", 1), ("b.mp4", 1))
    #expect(settling.waiting.map(\.path) == ["w/b.mp4"])
    _ = observe(20, ("a.mp4", 1))
    #expect(settling.waiting.isEmpty)
  }

  @Test mutating func `a file that grows is waited for`() {
    for second: Int64 in 0..<30 { #expect(observe(second, ("a.mp4", second / 2)) == []) }
    // It was last seen growing at 28 s.
    #expect(settling.nextDeadline == Timestamp(microseconds: 38_000_000))
    #expect(observe(37, ("a.mp4", 14)) == [])
    #expect(observe(38, ("a.mp4", 14)) == ["w/a.mp4"])
  }

  @Test mutating func `a file is returned again when it has changed, or vanished and returned`() {
    #expect(observe(0, ("a.mp4", 1)) == [])
    #expect(observe(10, ("a.mp4", 1)) == ["w/a.mp4"])
    #expect(observe(20, ("a.mp4", 2)) == [])
    #expect(observe(30, ("a.mp4", 2)) == ["w/a.mp4"])
    #expect(observe(40) == [])
    #expect(observe(41, ("a.mp4", 2)) == [])
    #expect(observe(51, ("a.mp4", 2)) == ["w/a.mp4"])
  }

  private mutating func observe(_ seconds: Int64, sidecar: Int32) -> [String] {
    var list = InputList()
    let identity = FileIdentity(size: 1, modified: 1, inode: 1, device: 1)
    list.add(Array("a.mp4".utf8), in: list.add(.init(path: "w", resolvedPath: "/w")), identity, sidecarMark: sidecar)
    return settling.observe(list, at: Timestamp(microseconds: seconds * 1_000_000)).map(\.path)
  }

  /// Half a sidecar was an error of its video.
  @Test mutating func `changes of a sidecar delay a file, but don't return it again`() {
    #expect(observe(0, sidecar: 0) == [])
    #expect(observe(8, sidecar: 1) == [])
    #expect(observe(15, sidecar: 2) == [])
    #expect(settling.nextDeadline == Timestamp(microseconds: 25_000_000))
    #expect(observe(24, sidecar: 2) == [])
    #expect(observe(25, sidecar: 2) == ["w/a.mp4"])
    #expect(observe(30, sidecar: 3) == [] && observe(50, sidecar: 0) == [])
    #expect(settling.nextDeadline == nil)
  }

  private mutating func observe(_ seconds: Int64, isReadable: Bool, size: Int64 = 1) -> [InputEntry.Content] {
    var list = InputList()
    let directory = list.add(.init(path: "w", resolvedPath: "/w"))
    let identity = FileIdentity(size: size, modified: 1, inode: 1, device: 1)
    if isReadable {
      list.add(Array("a.mp4".utf8), in: directory, identity)
    } else {
      list.add(Array("a.mp4".utf8), in: directory, identity, unreadable: EACCES)
    }
    return settling.observe(list, at: Timestamp(microseconds: seconds * 1_000_000)).map(\.content)
  }

  /// It failed for good.
  @Test mutating func `a file that can't be read is reported at once, and given out once it can be and has settled`() {
    let failed = InputEntry.Content.failed(.system(EACCES))
    #expect(observe(0, isReadable: false) == [failed])
    #expect(settling.waiting.isEmpty && settling.nextDeadline == nil)
    #expect(observe(20, isReadable: false) == [])
    #expect(observe(21, isReadable: true) == [])
    #expect(observe(30, isReadable: true) == [])
    #expect(observe(31, isReadable: true).count == 1)
    // As what it is it needn't be read again.
    #expect(observe(40, isReadable: false) == [] && observe(60, isReadable: true) == [])
    #expect(observe(70, isReadable: false, size: 2) == [failed])
  }

  @Test mutating func `files that aren't in a partial list are remembered`() {
    #expect(observe(0, ("a.mp4", 1), ("b.mp4", 1), ("c.mp4", 1)) == [])
    #expect(observe(10, ("a.mp4", 1), ("b.mp4", 1), ("c.mp4", 1)).count == 3)
    let some = list([("b.mp4", 2), ("d.mp4", 1)])
    #expect(settling.observe(some, at: Timestamp(microseconds: 20_000_000), isPartial: true).isEmpty)
    #expect(observe(30, ("a.mp4", 1), ("b.mp4", 2), ("c.mp4", 1), ("d.mp4", 1)) == ["w/b.mp4", "w/d.mp4"])
  }

  @Test mutating func `skipped entries are reported at once, and once`() {
    #expect(observe(0, ("a.mp4", 1), skipped: ["l.mp4"]) == ["w/l.mp4"])
    #expect(observe(10, ("a.mp4", 1), skipped: ["l.mp4", "m.mp4"]) == ["w/a.mp4", "w/m.mp4"])
    #expect(observe(20, ("a.mp4", 1), skipped: ["l.mp4", "m.mp4"]) == [])
  }
}
