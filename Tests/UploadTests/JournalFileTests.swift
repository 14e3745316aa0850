import Glibc
import TestNeeds
import TestSupport
import Testing

@testable import Upload

@Suite struct JournalFileTests {
  private let directory: TemporaryDirectory
  private let scheduler = VirtualScheduler()

  init() throws { directory = try TemporaryDirectory() }

  private var path: String { directory.path("vod-upload.journal") }

  private func mode(_ path: String) -> UInt32? {
    var status = stat()
    return lstat(path, &status) == 0 ? status.st_mode & 0o7777 : nil
  }

  @Test func `a new journal is for its user alone, whatever the umask`() throws {
    let before = umask(0)
    defer { umask(before) }
    _ = try BatchJournal.open(path, on: scheduler)
    #expect(mode(path) == 0o600)
  }

  @Test func `records outlive the object that wrote them`() throws {
    do {
      let journal = try BatchJournal.open(path, on: scheduler)
      for record in Samples.records { journal.append(record) }
      journal.sync(upTo: journal.end) { #expect($0 == nil) }
      scheduler.settle()
      try journal.close()
    }
    let next = try BatchJournal.open(path, on: scheduler)
    #expect(next.state.entries.count == 4 && next.cutBytes == 0)
    #expect(try next.state(of: 3).video == Samples.video(3))
  }

  @Test func `a torn end is cut off the file`() throws {
    do {
      let journal = try BatchJournal.open(path, on: scheduler)
      journal.append(.file(0, Samples.file("a")))
      journal.flush()
    }
    let torn = try #require(FileText.read(path)) + "{\"record\":\"ref"
    try directory.write(torn, to: "vod-upload.journal", mode: 0o600)
    let journal = try BatchJournal.open(path, on: scheduler)
    #expect(journal.cutBytes == 14 && journal.state.entries.count == 1)
    #expect(FileText.read(path)?.utf8.count == torn.utf8.count - 14)
  }

  @Test func `a second run on the same journal is refused with the first one's process`() throws {
    let first = try BatchJournal.open(path, on: scheduler)
    // The lock belongs to the open file, so that this process can be its own rival.
    #expect(throws: JournalError.locked(path: path, process: getpid())) { try BatchJournal.open(path, on: scheduler) }
    #expect(first.failure == nil)
  }

  @Test func `the lock ends with the run`() throws {
    do { _ = try BatchJournal.open(path, on: scheduler) }
    _ = try BatchJournal.open(path, on: scheduler)
  }

  @Test func `the holder of a lock is found in the kernel's list by the inode`() {
    let text = """
      1: POSIX  ADVISORY  WRITE 1012 00:1a:1394 0 EOF
      2: FLOCK  ADVISORY  WRITE 4711 fd:01:131073 0 EOF
      2: -> FLOCK  ADVISORY  WRITE 4712 fd:01:131073 0 EOF
      3: FLOCK  ADVISORY  WRITE 0 00:2c:55 0 EOF
      4: OFDLCK ADVISORY  READ -1 00:06:9 0 EOF
      """
    #expect(LockHolder.process(inode: 131_073, text) == 4711)
    // Of another container.
    #expect(LockHolder.process(inode: 55, text) == nil)
    #expect(LockHolder.process(inode: 1394, text) == nil)
  }

  @Test(arguments: [0o640, 0o604, 0o620, 0o660, 0o644, 0o601] as [UInt32])
  func `a journal that others may use is refused with what to do`(mode: UInt32) throws {
    try directory.write("", to: "vod-upload.journal", mode: mode)
    let error = #expect(throws: JournalError.self) { try BatchJournal.open(path, on: scheduler) }
    #expect(error == .looseMode(path: path, mode: mode) && error?.fix == "run: chmod 600 \(path)")
    #expect(self.mode(path) == mode)
  }

  @Test func `what is not a regular file is refused and stays`() throws {
    mkdir(path, 0o700)
    #expect(throws: JournalError.notAFile(path: path)) { try BatchJournal.open(path, on: scheduler) }
    rmdir(path)
    mkfifo(path, 0o600)
    #expect(throws: JournalError.notAFile(path: path)) { try BatchJournal.open(path, on: scheduler) }
    unlink(path)
    try directory.write("", to: "elsewhere", mode: 0o600)
    symlink("elsewhere", path)
    #expect(throws: JournalError.system(.open, path: path, errno: ELOOP)) { try BatchJournal.open(path, on: scheduler) }
  }

  @Test(.needs(.root)) func `somebody else's journal is refused`() throws {
    try directory.write("", to: "vod-upload.journal", mode: 0o600)
    chown(path, 12_345, 12_345)
    #expect(throws: JournalError.foreignOwner(path: path, uid: 12_345)) { try BatchJournal.open(path, on: scheduler) }
  }

  @Test func `a place where nothing can be is an error with a way out`() {
    let error = #expect(throws: JournalError.self) {
      try BatchJournal.open(directory.path("no/journal"), on: scheduler)
    }
    #expect(error == .system(.open, path: directory.path("no/journal"), errno: ENOENT))
    #expect(error?.fix == "name another place with --journal")
  }

  @Test(.needs(.root)) func `of records that don't fit on a full disk nothing is left, and the next run goes on`()
    throws
  {
    let temporary = try TemporaryDirectory()
    let (full, text, count) = try PrivateMounts.run { () -> (JournalError?, String?, Int) in
      try PrivateMounts.mountMemory(over: temporary.path, size: 4 * 4096)
      let scheduler = VirtualScheduler()
      let path = temporary.path("journal")
      var failure: JournalError?
      do {
        let journal = try BatchJournal.open(path, on: scheduler)
        // Far more than fits, so that a write is cut short before one fails.
        for number in 0..<100 where journal.failure == nil {
          journal.append(.file(number, Samples.file("\(number).mp4")))
          journal.flush()
        }
        failure = journal.failure
      }
      let text = FileText.read(path)
      return (failure, text, try BatchJournal.open(path, on: scheduler).state.entries.count)
    }
    #expect(full == .system(.write, path: temporary.path("journal"), errno: ENOSPC))
    #expect(text?.hasSuffix("}\n") == true && text?.split(separator: "\n").count == count + 1 && count > 10)
  }
}
