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

  private func size(_ path: String) -> off_t {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_size : 0
  }

  @Test func `a new journal is for its user alone, whatever the umask`() throws {
    let before = umask(0)
    defer { umask(before) }
    _ = try BatchJournal.open(path, on: scheduler)
    #expect(mode(path) == 0o600)
  }

  @Test func `records remain after the object that wrote them is released`() throws {
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

  @Test func `an incomplete last line is cut off`() throws {
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

  @Test func `a second run with the same journal is refused, naming the first one's process`() throws {
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
  func `a journal with access for others is refused with a fix`(mode: UInt32) throws {
    try directory.write("", to: "vod-upload.journal", mode: mode)
    let error = #expect(throws: JournalError.self) { try BatchJournal.open(path, on: scheduler) }
    #expect(error == .looseMode(path: path, mode: mode) && error?.fix == "run: chmod 600 \(path)")
    #expect(self.mode(path) == mode)
  }

  /// The advice was to change the mode, which can't be done with a file of the kernel's.
  @Test func `another file with access for others is refused without a proposal for its mode`() throws {
    let error = #expect(throws: JournalError.self) { try BatchJournal.open("/proc/version", on: scheduler) }
    #expect(
      error == .notAJournal(path: "/proc/version") || error == .system(.open, path: "/proc/version", errno: EACCES))
    try directory.write("a letter", to: "vod-upload.journal", mode: 0o644)
    #expect(throws: JournalError.notAJournal(path: path)) { try BatchJournal.open(path, on: scheduler) }
  }

  private func begin() throws -> BatchJournal {
    let journal = try BatchJournal.open(path, on: scheduler)
    for record in Samples.records { journal.append(record) }
    journal.flush()
    return journal
  }

  /// The next run found none, and uploaded everything again.
  @Test(arguments: ["removed", "moved"]) func `a journal that vanishes is written again, and the run continues`(
    how: String
  )
    throws
  {
    var returns = 0
    do {
      let journal = try begin()
      journal.onReturn = { returns += 1 }
      if how == "removed" { unlink(path) } else { rename(path, directory.path("elsewhere")) }
      var result: JournalError? = .notAFile(path: "")
      journal.sync(upTo: journal.end) { result = $0 }
      scheduler.settle()
      #expect(returns == 1 && result == nil && journal.failure == nil && mode(path) == 0o600)
      #expect(throws: JournalError.locked(path: path, process: getpid())) {
        try BatchJournal.open(path, on: scheduler)
      }
      journal.append(.file(4, Samples.file("later.mp4")))
      try journal.close()
    }
    #expect(try BatchJournal.open(path, on: scheduler).state.entries.count == 5 && returns == 1)
  }

  @Test(arguments: ["emptied", "cut", "written to", "overwritten"])
  func `a journal that something else changes while it is in use ends the run, and is left as it is`(how: String) throws
  {
    let journal = try begin()
    let size = size(path)
    switch how {
    case "emptied": truncate(path, 0)
    case "cut": truncate(path, size / 2)
    default:
      let descriptor = open(path, O_WRONLY | (how == "overwritten" ? 0 : O_APPEND))
      #expect(write(descriptor, "something\n", 10) == 10)
      close(descriptor)
    }
    let changed = self.size(path)
    #expect(throws: JournalError.altered(path: path)) { try journal.close() }
    guard how != "overwritten" else { return }
    #expect(self.size(path) == changed)
    journal.append(.file(4, Samples.file("later.mp4")))
    #expect(journal.failure == .altered(path: path))
  }

  @Test func `if another file has replaced it, it is written beside that, and the run ends`() throws {
    let journal = try begin()
    var failures: [JournalError] = []
    journal.onFailure = { failures.append($0) }
    unlink(path)
    try directory.write("other", to: "vod-upload.journal", mode: 0o600)
    let saved = "\(path).\(getpid())"
    let expected = JournalError.displaced(path: path, savedAs: saved)
    var result: JournalError?
    journal.sync(upTo: journal.end) { result = $0 }
    scheduler.settle()
    #expect(failures == [expected] && result == expected && FileText.read(path) == "other")
    #expect(expected.fix == "move that to \(path), and run again")
    #expect(try BatchJournal.open(saved, on: scheduler).state.entries.count == 4)
  }

  @Test func `if its directory is missing, the error says so`() throws {
    mkdir(directory.path("d"), 0o700)
    let place = directory.path("d/journal")
    let journal = try BatchJournal.open(place, on: scheduler)
    rename(directory.path("d"), directory.path("e"))
    #expect(throws: JournalError.displaced(path: place, savedAs: nil)) { try journal.close() }
  }

  @Test func `a file that isn't regular is refused and stays`() throws {
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

  @Test func `an impossible path is an error with a fix`() {
    let error = #expect(throws: JournalError.self) {
      try BatchJournal.open(directory.path("no/journal"), on: scheduler)
    }
    #expect(error == .system(.open, path: directory.path("no/journal"), errno: ENOENT))
    #expect(error?.fix == "make its directory, or name another place with --journal")
  }

  @Test(.needs(.root)) func `records that don't fit on a full disk leave nothing, and the next run continues`()
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
