import Glibc
import JSON
import TestSupport
import Testing

@testable import Upload

@Suite struct BatchJournalTests {
  private let scheduler = VirtualScheduler()

  private func journal(_ file: FakeJournalFile) throws -> BatchJournal {
    try BatchJournal(file, path: "./vod-upload.journal", on: scheduler)
  }

  /// A journal with the sample's records, in its file.
  private func filled() throws -> FakeJournalFile {
    let file = FakeJournalFile()
    let journal = try journal(file)
    for record in Samples.records { journal.append(record) }
    journal.flush()
    return file
  }

  @Test func `records read back as they were written, each a line of JSON`() throws {
    let file = try filled()
    let lines = file.text.split(separator: "\n")
    #expect(lines.count == Samples.records.count + 1)
    for (line, record) in zip(lines.dropFirst(), Samples.records) {
      let bytes = Array(line.utf8)
      #expect(JournalLine.isWhole(bytes.span) && JournalLine.read(bytes.span)?.line == .record(record), "\(line)")
    }
    #expect(lines.first == #"{"journal":"vod-upload","version":1,"crc32c":"88677ae4"}"#)
  }

  @Test func `the next run knows everything that the last one recorded`() throws {
    let first = try journal(FakeJournalFile())
    for record in Samples.records { first.append(record) }
    first.flush()
    let next = try journal(FakeJournalFile((first.storage as! FakeJournalFile).bytes))
    #expect(next.cutBytes == 0)
    for file in 0..<4 { #expect(try next.state(of: file) == first.state(of: file)) }

    let done = try next.state(of: 0)
    #expect(done.outcome == .done(.checked) && done.upload == nil && done.completing == nil)
    #expect(done.video == Samples.video(0) && done.referenceID == "rk-0001_x" && done.file == Samples.file("a b.mp4"))
    let unconfirmed = try next.state(of: 1)
    #expect(unconfirmed.outcome == .unconfirmed(reason: "GetMezzanineInfo isn't allowed"))
    #expect(unconfirmed.completing == .put && unconfirmed.video == Samples.video(1))
    let changed = try next.state(of: 2)
    #expect(
      changed.outcome == .changed && changed.upload?.uploadID == "V" && changed.upload?.parts == [Samples.part(1)])
    #expect(try next.state(of: 3).outcome == .done(.confirmed))
  }

  @Test func `records that aren't in the file yet are read, too`() throws {
    let journal = try journal(FakeJournalFile())
    journal.append(.file(0, Samples.file("a.mp4")))
    journal.append(.reference(0, referenceID: "rk-1"))
    #expect((journal.storage as? FakeJournalFile)?.appends == 1)
    #expect(try journal.state(of: 0).referenceID == "rk-1")
  }

  @Test func `parts come in any order, and a part that is sent again replaces the first`() throws {
    let journal = try journal(FakeJournalFile())
    journal.append(.file(0, Samples.file("a.mp4")))
    journal.append(.video(0, Samples.video(0)))
    journal.append(.upload(0, uploadID: "U", unit: 1 << 20))
    for number: Int32 in [3, 1, 5, 2, 4] { journal.append(.part(0, Samples.part(number))) }
    journal.append(.part(0, Samples.part(2, crc64: 5)))
    let parts = journal.state.uploads[0]?.parts
    #expect(parts?.map(\.number) == [1, 2, 3, 4, 5] && parts?[1].crc64 == 5)
  }

  @Test func `a new upload ID or video replaces the parts, but not announced requests`() throws {
    let journal = try journal(FakeJournalFile())
    journal.append(.file(0, Samples.file("a.mp4")))
    journal.append(.video(0, Samples.video(0)))
    journal.append(.upload(0, uploadID: "U", unit: 1 << 20))
    journal.append(.part(0, Samples.part(1)))
    journal.append(.completing(0, .multipart))
    journal.append(.upload(0, uploadID: "V", unit: 1 << 20))
    #expect(journal.state.uploads[0]?.parts == [])
    journal.append(.video(0, Samples.video(1)))
    #expect(journal.state.uploads[0] == nil && journal.state.entries[0].completing == .multipart)
    #expect(try journal.state(of: 0).video == Samples.video(1))
  }

  @Test func `a file is found by its path, and is the same while size, time and inode are`() throws {
    let journal = try journal(FakeJournalFile())
    let file = Samples.file("a.mp4")
    #expect(try journal.match(file) == .new)
    #expect(journal.begin(file) == 0 && journal.begin(Samples.file("b.mp4")) == 1)
    #expect(try journal.match(file) == .same(0))
    // Another way to the same directory.
    #expect(
      try journal.match(VideoFile(path: "a.mp4", resolvedPath: file.resolvedPath, identity: file.identity)) == .same(0))
    var grown = file
    grown.identity.size += 1
    #expect(try journal.match(grown) == .changed(0, "its size changed from 2000000 to 2000001 bytes"))
    var touched = file
    touched.identity.modified += 1
    #expect(try journal.match(touched) == .changed(0, "it was written to"))
    // After the next boot, say.
    var elsewhere = file
    elsewhere.identity.device += 1
    #expect(try journal.match(elsewhere) == .same(0))
    var replaced = file
    replaced.identity.inode += 1
    #expect(try journal.match(replaced) == .changed(0, "it was replaced by another file"))
  }

  @Test func `a file is found under a new name, and still under its old one`() throws {
    let file = FakeJournalFile()
    let first = try journal(file)
    let (old, new) = (Samples.file("a.mp4"), Samples.file("b.mp4"))
    #expect(first.begin(old) == 0)
    #expect(try first.match(new) == .moved(0, from: "videos/a.mp4"))
    first.append(.moved(0, new))
    first.flush()
    for journal in [first, try journal(FakeJournalFile(file.bytes))] {
      #expect(try journal.match(new) == .same(0) && journal.match(old) == .same(0))
      #expect(try journal.file(0) == new)
      var grown = new
      grown.identity.size += 1
      #expect(try journal.match(grown) == .changed(0, "its size changed from 2000000 to 2000001 bytes"))
      // Whether the name was passed on, the batch knows that has both files.
      var successor = old
      successor.identity.inode += 1
      #expect(try journal.match(successor) == .changed(0, "it was replaced by another file"))
    }
  }

  /// The last one alone did: a file that was renamed and back, or had lost the hard link that was found first, and then changed was uploaded as
  /// another video.
  @Test func `a file is found under every earlier name, even after it has changed`() throws {
    let file = FakeJournalFile()
    let first = try journal(file)
    let names = ["a.mp4", "b.mp4", "c.mp4", "a.mp4"]
    _ = first.begin(Samples.file("other.mp4", FileIdentity(size: 1, modified: 1, inode: 1, device: 1)))
    _ = first.begin(Samples.file(names[0]))
    for name in names.dropFirst() { first.append(.moved(1, Samples.file(name))) }
    first.flush()
    var touched = Samples.identity
    touched.modified += 1
    var replaced = Samples.identity
    replaced.inode += 1
    for journal in [first, try journal(FakeJournalFile(file.bytes))] {
      for name in names {
        #expect(try journal.match(Samples.file(name)) == .same(1))
        #expect(try journal.match(Samples.file(name, touched)) == .changed(1, "it was written to"))
        #expect(try journal.match(Samples.file(name, replaced)) == .changed(1, "it was replaced by another file"))
      }
      #expect(try journal.file(1) == Samples.file("a.mp4"))
      #expect(try journal.match(Samples.file("d.mp4", touched)) == .new)
    }
  }

  /// A disk that was mounted elsewhere, under another device number, had its videos uploaded a second time.
  @Test func `a file on another device is the earlier one, unless that is still at its path`() throws {
    let directory = try TemporaryDirectory()
    func file(_ name: String, _ identity: FileIdentity) -> VideoFile {
      VideoFile(path: name, resolvedPath: directory.path(name), identity: identity)
    }
    var identity = try #require(FileIdentity(at: try directory.write("content", to: "a.mp4")))
    for isDated in [true, false] {
      if !isDated { identity.born = nil }
      var elsewhere = identity
      elsewhere.device += 1
      let bytes = FakeJournalFile()
      let journal = try journal(bytes)
      _ = journal.begin(file("a.mp4", identity))
      // As after a copy of the whole disk.
      try directory.write("content", to: "a.mp4")
      var there = try #require(FileIdentity(at: directory.path("a.mp4")))
      if !isDated { there.born = nil }
      _ = journal.begin(file("a.mp4", there))
      there.device += 1
      #expect(try journal.match(file("b.mp4", there)) == .new)
      #expect(unlink(directory.path("a.mp4")) == 0)
      #expect(try journal.match(file("b.mp4", there)) == .moved(1, from: "a.mp4"))
      #expect(try journal.match(file("b.mp4", elsewhere)) == .moved(0, from: "a.mp4"))
      journal.noteMoved(0, to: file("b.mp4", elsewhere))
      journal.flush()
      let next = try self.journal(FakeJournalFile(bytes.bytes))
      #expect(try next.match(file("b.mp4", elsewhere)) == .same(0))
    }
  }

  /// It counted as uploaded, and never was.
  @Test func `a new file that got an earlier one's inode, size and time is another one by its birth`() throws {
    let journal = try journal(FakeJournalFile())
    var (first, second) = (Samples.identity, Samples.identity)
    (first.born, second.born) = (1, 2)
    _ = journal.begin(Samples.file("a.mp4", first))
    #expect(try journal.match(Samples.file("b.mp4", second)) == .new)
    let replaced = BatchJournal.Match.changed(0, "it was replaced by another file")
    #expect(try journal.match(Samples.file("a.mp4", second)) == replaced)
    #expect(journal.known(Samples.file("a.mp4", second)) == nil)
    // Where one of both has none, the rest decides.
    #expect(try journal.match(Samples.file("b.mp4")) == .moved(0, from: "videos/a.mp4"))
    #expect(try journal.match(Samples.file("a.mp4")) == .same(0))
    // Both remain known.
    _ = journal.begin(Samples.file("b.mp4", second))
    #expect(try journal.match(Samples.file("c.mp4", first)) == .moved(0, from: "videos/a.mp4"))
    #expect(try journal.match(Samples.file("c.mp4", second)) == .moved(1, from: "videos/b.mp4"))
  }

  @Test func `a version that an older journal has refused is so with its birth`() throws {
    let journal = try journal(FakeJournalFile())
    _ = journal.begin(Samples.file("a.mp4"))
    journal.append(.changed(0, Samples.other.withoutBirth))
    #expect(try journal.match(Samples.file("b.mp4", Samples.other)).number == nil)
    #expect(try journal.match(Samples.file("b.mp4", Samples.other)) != .new)
  }

  /// Which is what a file system has given away again.
  @Test func `another name with the same inode isn't enough`() throws {
    let journal = try journal(FakeJournalFile())
    _ = journal.begin(Samples.file("a.mp4"))
    var grown = Samples.file("b.mp4")
    grown.identity.size += 1
    #expect(try journal.match(grown) == .new)
    var touched = Samples.file("b.mp4")
    touched.identity.modified += 1
    #expect(try journal.match(touched) == .new)
    var copy = Samples.file("b.mp4")
    copy.identity.inode += 1
    #expect(try journal.match(copy) == .new)
  }

  @Test func `if two files exchange their names, each name belongs to the other file`() throws {
    let journal = try journal(FakeJournalFile())
    var second = Samples.identity
    second.inode += 1
    _ = journal.begin(Samples.file("a.mp4"))
    _ = journal.begin(Samples.file("b.mp4", second))
    #expect(try journal.match(Samples.file("a.mp4", second)) == .moved(1, from: "videos/b.mp4"))
    journal.append(.moved(1, Samples.file("a.mp4", second)))
    #expect(try journal.match(Samples.file("b.mp4")) == .moved(0, from: "videos/a.mp4"))
  }

  @Test func `a record of a new name with another file's identity is refused`() throws {
    let journal = try journal(FakeJournalFile())
    _ = journal.begin(Samples.file("a.mp4"))
    var other = Samples.file("b.mp4")
    other.identity.inode += 1
    var state = journal.state
    #expect(state.apply(.moved(0, other), at: 1) != nil && state == journal.state)
  }

  /// Both are the same character to Unicode, and two names to a file system.
  @Test func `names that only look alike are different files`() throws {
    let journal = try journal(FakeJournalFile())
    _ = journal.begin(Samples.file("caf\u{E9}.mp4"))
    var other = Samples.file("cafe\u{301}.mp4")
    other.identity.inode += 1
    #expect(try journal.match(other) == .new)
  }

  @Test func `no record of a batch has a member that could hold a secret`() throws {
    let names = Set(
      try filled().text.split(separator: "\n").flatMap { line -> [String] in
        let bytes = Array(line.utf8)
        guard let document = try? JSONDocument(bytes.span) else { return [] }
        var names: [String] = []
        document.root.forEachMember { key, _ in names.append(key.string() ?? "") }
        return names
      })
    #expect(
      names == [
        "journal", "version", "crc32c", "record", "file", "path", "resolved", "size", "modified_ns", "inode", "device",
        "born_ns",
        "reference_id", "video_id", "request_id", "bucket", "endpoint", "key", "region", "upload_id", "unit", "part",
        "offset",
        "length", "etag", "crc64", "by", "proof", "reason", "synced", "code",
      ])
  }
}
