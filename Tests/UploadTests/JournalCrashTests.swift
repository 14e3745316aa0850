import Simulation
import TestSupport
import Testing

@testable import Upload

@Suite struct JournalCrashTests {
  private let scheduler = VirtualScheduler()

  private func journal(_ bytes: [UInt8]) throws -> BatchJournal {
    try BatchJournal(FakeJournalFile(bytes), path: "j", on: scheduler)
  }

  private func bytes(of records: some Sequence<JournalRecord>) throws -> [UInt8] {
    let journal = try journal([])
    for record in records { journal.append(record) }
    journal.flush()
    return (journal.storage as! FakeJournalFile).bytes
  }

  private func states(_ journal: BatchJournal) throws -> [FileState] {
    try journal.state.entries.indices.map { try journal.state(of: $0) }
  }

  /// Enough for each kind of state, and few enough to be read thousands of times.
  private let few = Array(Samples.records.prefix(12))

  @Test func `a journal cut off at any byte has all complete records`() throws {
    let whole = try bytes(of: few)
    let ends = whole.indices.filter { whole[$0] == UInt8(ascii: "\n") }
    var expected: [[FileState]] = [[]]
    for count in 0...few.count { expected.append(try states(journal(bytes(of: few.prefix(count))))) }
    for length in 0...whole.count {
      let cut = try journal(Array(whole[..<length]))
      let lines = ends.count { $0 < length }
      #expect(try states(cut) == expected[lines], "\(length) bytes")
      // What was torn is gone, so that records follow whole ones; a header takes the place of half a header.
      #expect((cut.storage as! FakeJournalFile).bytes == Array(whole[...(lines == 0 ? ends[0] : ends[lines - 1])]))
    }
  }

  @Test func `a damaged byte in the synced part is detected, with its line`() throws {
    let first = try journal([])
    for record in few { first.append(record) }
    try first.close()
    let whole = (first.storage as! FakeJournalFile).bytes
    // The last line vouches for the others, and nobody for it and the line feed before it.
    let vouched = try #require(whole.dropLast().lastIndex(of: UInt8(ascii: "\n")))
    for place in whole.indices {
      var damaged = whole
      damaged[place] ^= 1
      let line = whole[..<place].count { $0 == UInt8(ascii: "\n") } + 1
      if line == 1 {
        #expect(throws: JournalError.notAJournal(path: "j"), "byte \(place)") { try journal(damaged) }
      } else if place < vouched {
        #expect(throws: JournalError.damaged(path: "j", line: line), "byte \(place)") { try journal(damaged) }
      } else {
        #expect(try journal(damaged).state.entries.count == 2, "byte \(place)")
      }
    }
  }

  @Test func `a line missing from the synced part is detected`() throws {
    let first = try journal([])
    for record in Samples.records { first.append(record) }
    try first.close()
    let whole = (first.storage as! FakeJournalFile).text
    #expect(throws: JournalError.damaged(path: "j", line: Samples.records.count + 1)) {
      try journal(Array(whole.utf8).dropLast(120) + Array("\n".utf8) + Array(whole.utf8.suffix(60)))
    }
  }

  @Test(arguments: 0..<64) func `a power failure loses nothing synced, whatever pages of the rest survive`(
    seed: UInt64
  ) throws {
    var chance = SeededGenerator(seed: seed)
    let file = FakeJournalFile()
    let journal = try BatchJournal(file, path: "j", on: scheduler)
    var promised: [FileState] = []
    for record in Samples.records {
      let position = journal.append(record)
      if Int.random(in: 0..<3, using: &chance) == 0 {
        let states = try states(journal)
        journal.sync(upTo: position) { failure in
          #expect(failure == nil)
          promised = states
        }
      }
      if Bool.random(using: &chance) { scheduler.settle() }
      let next = try BatchJournal(
        file.afterPowerFailure(pageSize: Int.random(in: 1...256, using: &chance)) { _ in Bool.random(using: &chance) },
        path: "j", on: scheduler)
      #expect(next.state.entries.count >= promised.count)
      for (number, state) in promised.enumerated() {
        let found = try next.state(of: number)
        // What came after may be there as well.
        #expect(found.file.identity == state.file.identity && (state.video == nil || found.video != nil))
        if case .done = state.outcome { #expect(found == state) }
      }
    }
  }

  @Test func `a file that isn't a journal is refused and left as it is`() throws {
    for text in ["\n", "RIFF….AVI ", "{}\n", "{\"journal\":\"other\",\"version\":1}\n", "{\"journal\":\"vod-uploax"] {
      let file = FakeJournalFile(Array(text.utf8))
      #expect(throws: JournalError.notAJournal(path: "j"), "\(text)") {
        try BatchJournal(file, path: "j", on: scheduler)
      }
      #expect(file.text == text)
    }
    let video = FakeJournalFile([UInt8](repeating: 7, count: 1 << 20))
    #expect(throws: JournalError.notAJournal(path: "j")) { try BatchJournal(video, path: "j", on: scheduler) }
    #expect(video.size == 1 << 20)
    // A record without a header.
    var line: [UInt8] = []
    JournalLine.record(.file(0, Samples.file("a"))).write(to: &line)
    #expect(throws: JournalError.notAJournal(path: "j")) { try journal(line) }
  }

  @Test func `a journal of a newer format is refused`() throws {
    var line: [UInt8] = []
    JournalLine.header(version: 2).write(to: &line)
    #expect(throws: JournalError.newerVersion(path: "j", version: 2)) { try journal(line) }
  }

  @Test func `records that can't follow each other are refused with their line`() throws {
    let file = JournalRecord.file(0, Samples.file("a"))
    let video = JournalRecord.video(0, Samples.video(0))
    let rows: [(records: [JournalRecord], why: String)] = [
      ([.reference(0, referenceID: "r")], "there is no file 0 yet"),
      ([file, file], "file 0 follows 1 files"),
      ([file, .upload(0, uploadID: "U", unit: 1)], "file 0 has no video yet"),
      ([file, .completing(0, .put)], "file 0 has no video yet"),
      ([file, video, .part(0, Samples.part(1))], "file 0 has no upload in parts"),
      ([file, video, .done(0, .checked), .failed(0, code: "x")], "file 0 was finished before"),
      (
        [file, .reference(0, referenceID: "r"), .failed(0, code: "x"), .reference(0, referenceID: "s")],
        "file 0 has a ReferenceId already"
      ),
    ]
    for row in rows {
      var text: [UInt8] = []
      JournalLine.header(version: 1).write(to: &text)
      for record in row.records { JournalLine.record(record).write(to: &text) }
      let line = row.records.count + 1
      #expect(throws: JournalError.impossible(path: "j", line: line, why: row.why)) { try journal(text) }
    }
  }
}
