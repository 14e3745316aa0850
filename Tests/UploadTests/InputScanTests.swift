import Glibc
import TestSupport
import Testing

@testable import Upload

@Suite struct InputScanTests {
  private let directory: TemporaryDirectory
  private let settings = InputScan.Settings(extensions: ["mp4", "mkv", "mov"])

  init() throws { directory = try TemporaryDirectory() }

  private func make(_ names: String...) throws {
    for name in names {
      let steps = name.split(separator: "/")
      for count in 1..<max(1, steps.count) { mkdir(directory.path(steps[..<count].joined(separator: "/")), 0o755) }
      if !name.hasSuffix("/") {
        try directory.write("content of \(name)", to: name)
      } else {
        mkdir(directory.path(name), 0o755)
      }
    }
  }

  private func list(_ arguments: String..., settings: InputScan.Settings? = nil) -> InputList {
    InputScan.list(
      arguments.map { Array(($0.isEmpty ? directory.path : directory.path($0)).utf8) }, settings ?? self.settings)
  }

  /// Each entry as a line, the directory's path left out.
  private func lines(_ list: InputList) -> [String] {
    list.map { entry in
      let path =
        entry.path.hasPrefix(directory.path + "/") ? String(entry.path.dropFirst(directory.path.count + 1)) : entry.path
      switch entry.content {
      case .file: return path
      case .duplicate(_, let other), .skipped(.sameDirectory(let other)):
        return "\(path): the same as \(other.dropFirst(directory.path.count + 1))"
      case .skipped(let reason): return "\(path): \(reason)"
      case .failed(let problem): return "\(path): \(problem)"
      }
    }
  }

  @Test func `a directory means its files and those below, in the order of their names' bytes`() throws {
    try make("b/2.mp4", "b/1.mp4", "B.mp4", "a.mp4", "b.mp4", "é.mp4", "b-x.mkv", "c/d/e/f.mov", "empty/")
    #expect(lines(list("")) == ["B.mp4", "a.mp4", "b/1.mp4", "b/2.mp4", "b-x.mkv", "b.mp4", "c/d/e/f.mov", "é.mp4"])
  }

  @Test func `arguments come in their own order, each file once`() throws {
    try make("videos/a.mp4", "videos/b.mp4", "videos/sub/c.mp4")
    let found = list("videos/b.mp4", "videos", "videos/sub", "videos/sub/c.mp4", "videos/./a.mp4", "videos/")
    #expect(
      lines(found) == [
        "videos/b.mp4", "videos/a.mp4", "videos/b.mp4: the same as videos/b.mp4", "videos/sub/c.mp4",
        "videos/sub/: the same as videos/sub", "videos/sub/c.mp4: the same as videos/sub/c.mp4",
        "videos/./a.mp4: the same as videos/a.mp4", "videos/: the same as videos",
      ])
    #expect(found.fileCount == 3 && found.totalSize == 73)
  }

  @Test func `a journal that is moved in a watched directory isn't taken for a video, nor is the next one`() throws {
    try make("a.mp4", "j.mp4")
    var settings = self.settings
    settings.skip(directory.path("j.mp4"), as: .journal)
    let list = InputScan.lister(of: [directory.path], settings, journal: directory.path("j.mp4"))
    #expect(lines(list()) == ["a.mp4", "j.mp4: journal"])
    for name in ["k.mp4", "l.mp4"] {
      #expect(rename(directory.path("j.mp4"), directory.path(name)) == 0)
      // It is written to its place again.
      try make("j.mp4")
      _ = list()
    }
    #expect(lines(list()) == ["a.mp4", "j.mp4: journal", "k.mp4: journal", "l.mp4: journal"])
    unlink(directory.path("j.mp4"))
    #expect(lines(list()) == ["a.mp4", "k.mp4: journal", "l.mp4: journal"])
  }

  @Test func `a file's mark is that of its sidecar, and changes with it`() throws {
    try make("a.mp4", "a-b.mp4", "b.mp4", "b.mp4.json", "c.mp4", "c.json")
    var settings = self.settings
    #expect(Set(marks(settings).values) == [0])
    settings.marksSidecars = true
    let before = marks(settings)
    #expect(before["a.mp4"] == 0 && before["a-b.mp4"] == 0 && before["b.mp4"] != 0 && before["c.mp4"] != 0)
    #expect(marks(settings) == before)
    try directory.write("{\"title\": \"longer than before\"}", to: "c.json")
    try make("a.json")
    let after = marks(settings)
    #expect(after["b.mp4"] == before["b.mp4"] && after["c.mp4"] != before["c.mp4"] && after["a.mp4"] != 0)
    #expect(after["a-b.mp4"] == 0)
  }

  private func marks(_ settings: InputScan.Settings) -> [String: Int32] {
    let list = list("", settings: settings)
    let files = list.indices.filter { list.isFile(at: $0) }
    return Dictionary(uniqueKeysWithValues: files.map { (FileName.last(of: list[$0].path), list.sidecarMark(at: $0)) })
  }

  @Test func `entries of several lists put together are what they were`() throws {
    try make("a.mp4", "b/c.mp4", "b/notes.txt", "d.mp4")
    link(directory.path("a.mp4"), directory.path("b/link.mp4"))
    let (all, one) = (list("", "b/../b"), list("b", "d.mp4", "d.mp4", "missing.mp4"))
    var both = InputList()
    for index in one.indices { both.append(index, of: one) }
    for index in all.indices.reversed() { both.append(index, of: all) }
    #expect(Array(both) == Array(one) + all.reversed())
    #expect(both.fileCount == 6 && both.totalSize == one.totalSize + all.totalSize)
    var entries = InputList()
    for entry in both { entries.append(entry) }
    let loss = InputEntry(path: "w", content: .failed(.watched(ENOENT)))
    entries.append(loss)
    #expect(Array(entries) == Array(both) + [loss])
  }

  @Test func `a second name of the same file is a duplicate`() throws {
    try make("a.mp4")
    link(directory.path("a.mp4"), directory.path("b.mp4"))
    #expect(lines(list("")) == ["a.mp4", "b.mp4: the same as a.mp4"])
  }

  /// Times beyond 2262 were all the same, so a change went unnoticed.
  @Test func `a change is noticed in any century`() throws {
    try make("a.mp4")
    let path = directory.path("a.mp4")
    let identities = try [10_000_000_000, 10_000_000_001].map { seconds in
      var times = [timespec(tv_sec: seconds, tv_nsec: 0), timespec(tv_sec: seconds, tv_nsec: 0)]
      #expect(utimensat(AT_FDCWD, path, &times, 0) == 0)
      return try #require(FileIdentity(at: path))
    }
    #expect(identities[0].change(to: identities[1]) == "it was written to")
  }

  @Test func `a file has the path that was given, and one without links`() throws {
    try make("real/sub/a.mp4")
    symlink("real", directory.path("way"))
    let file = try #require(list("way").file(at: 0))
    #expect(file.path == directory.path("way/sub/a.mp4") && file.resolvedPath == directory.path("real/sub/a.mp4"))
    var status = stat()
    stat(file.path, &status)
    let (device, inode) = (UInt64(status.st_dev), UInt64(status.st_ino))
    #expect(file.identity.device == device && file.identity.inode == inode && file.identity.size == 25)
    #expect(file.identity.modified == Int64(status.st_mtim.tv_sec) * 1_000_000_000 + Int64(status.st_mtim.tv_nsec))
    #expect(file.identity == FileIdentity(at: file.path))
    #expect(list("way/sub/a.mp4").file(at: 0) == file)
    #expect(list("way/").file(at: 0)?.path == directory.path("way/sub/a.mp4"))
  }

  @Test func `what isn't uploaded has a reason`() throws {
    try make(
      ".hidden.mp4", ".git/x.mp4", "a.mp4", "a.json", "a.mp4.json", "b.json", "clip.MP4", "clip.json", "notes.txt",
      "plain",
      "mp4", "x.mp4.bak", "other.mp4.json")
    mkfifo(directory.path("pipe.mp4"), 0o600)
    symlink("a.mp4", directory.path("link.mp4"))
    symlink("/", directory.path("root"))
    #expect(
      lines(list("")) == [
        ".git: hidden", ".hidden.mp4: hidden", "a.json: sidecar", "a.mp4", "a.mp4.json: sidecar",
        "b.json: foreignExtension",
        "clip.MP4", "clip.json: sidecar", "link.mp4: link", "mp4: foreignExtension", "notes.txt: foreignExtension",
        "other.mp4.json: foreignExtension", "pipe.mp4: notRegular", "plain: foreignExtension", "root: link",
        "x.mp4.bak: foreignExtension",
      ])
  }

  @Test func `what is named is taken though it is hidden or a link, and what can't be is an error or a sidecar`() throws
  {
    try make(".hidden.mp4", "a.mp4", "a.mp4.json", "b.txt", ".d/x.mp4")
    symlink("a.mp4", directory.path("link.mp4"))
    mkfifo(directory.path("pipe.mp4"), 0o600)
    #expect(
      lines(list(".hidden.mp4", ".d", "link.mp4", "a.mp4.json", "b.txt", "pipe.mp4")) == [
        ".hidden.mp4", ".d/x.mp4", "link.mp4", "a.mp4.json: sidecar",
        "b.txt: ApsaraVideo VOD doesn't take files with this extension", "pipe.mp4: not a regular file",
      ])
    #expect(list("pipe.mp4").first?.result?.trouble?.fix == "name regular files and directories only")
  }

  /// `0 files: 1 skipped`, and the exit status was 0.
  @Test func `a file that was named, and that VOD doesn't take, is an error`() throws {
    try make("v/b.txt", "v/a.mp4")
    let found = list("v/b.txt")
    #expect(Array(found).map(\.content) == [.failed(.foreignExtension)])
    var copy = InputList()
    copy.append(0, of: found)
    for entry in found { copy.append(entry) }
    #expect(copy.map(\.content) == [.failed(.foreignExtension), .failed(.foreignExtension)])
    #expect(found.first?.result?.trouble?.fix.hasPrefix("leave it out, or convert it") == true)
    #expect(lines(list("v")) == ["v/a.mp4", "v/b.txt: foreignExtension"])
  }

  @Test func `a file that a link was named for is the file, and the link's name its name`() throws {
    try make("real/a.mp4")
    symlink("real/a.mp4", directory.path("other.mp4"))
    let file = try #require(list("other.mp4").file(at: 0))
    #expect(file.title == "other" && file.identity.size == "content of real/a.mp4".utf8.count)
    #expect(lines(list("other.mp4", "real")) == ["other.mp4", "real/a.mp4: the same as other.mp4"])
  }

  @Test func `the batch's own files are skipped, whatever they are called`() throws {
    try make("journal.mp4", "report.csv", "a.mp4")
    var settings = settings
    settings.skip(directory.path("journal.mp4"), as: .journal)
    settings.skip(directory.path("report.csv"), as: .report)
    settings.skip(directory.path("missing"), as: .titles)
    #expect(lines(list("", settings: settings)) == ["a.mp4", "journal.mp4: journal", "report.csv: report"])
    #expect(lines(list("journal.mp4", settings: settings)) == ["journal.mp4: journal"])
  }

  @Test func `what can't be read is an error of its own, and the rest is found`() throws {
    try make("a.mp4", "secret/b.mp4", "c.mp4")
    let found = list("a.mp4", "missing.mp4", "a.mp4/x", "", "c.mp4")
    #expect(
      lines(found) == [
        "a.mp4", "missing.mp4: No such file or directory", "a.mp4/x: Not a directory", "a.mp4: the same as a.mp4",
        "c.mp4", "secret/b.mp4", "c.mp4: the same as c.mp4",
      ])
    #expect(InputScan.list([[]], settings).first?.content == .failed(.system(ENOENT)))
  }

  /// Root reads every directory: so this thread alone looks as nobody (setfsuid(2)).
  @Test func `a directory that can't be read is an error of its own`() throws {
    try make("a.mp4", "secret/b.mp4", "z.mp4")
    chmod(directory.path, 0o755)
    chmod(directory.path("secret"), 0)
    typealias SetUser = @convention(c) (uid_t) -> CInt
    let setUser = unsafeBitCast(try #require(dlsym(nil, "setfsuid")), to: SetUser.self)
    _ = setUser(65534)
    let found = lines(list(""))
    _ = setUser(geteuid())
    chmod(directory.path("secret"), 0o755)
    #expect(found == ["a.mp4", "secret: Permission denied", "z.mp4"])
  }

  @Test func `a name that isn't UTF-8 is that file's error`() throws {
    try make("a.mp4")
    let name = Array(directory.path("b").utf8) + [0xFF] + Array(".mp4".utf8)
    close(open(name.map(CChar.init(bitPattern:)) + [0], O_CREAT | O_WRONLY, 0o600))
    #expect(lines(list("")) == ["a.mp4", "b\u{FFFD}.mp4: its name is not UTF-8"])
    #expect(InputScan.list([name], settings).map(\.content) == [.failed(.notUTF8)])
    unlink(name.map(CChar.init(bitPattern:)) + [0])
  }

  @Test func `a tree that is too deep ends in an error, not in a crash`() throws {
    var path = "d"
    for _ in 0...InputScan.maxDepth {
      mkdir(directory.path(path), 0o755)
      path += "/d"
    }
    let found = list("d")
    #expect(found.count == 1 && found.first?.content == .failed(.tooDeep))
  }

  @Test func `paths are relative when they were given so`() throws {
    try make("v/a.mp4")
    let given = "\(directory.path)/v//"
    #expect(InputScan.list([Array(given.utf8)], settings).first?.path == "\(directory.path)/v/a.mp4")
    #expect(InputList.path("", "a.mp4") == "a.mp4" && InputList.path("/", "a.mp4") == "/a.mp4")
    #expect(InputList.path("v", "a.mp4") == "v/a.mp4")
  }
}
