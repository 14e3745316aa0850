import Glibc
import Systemd
import TestSupport
import Testing

@testable import Upload

@Suite struct JournalSyncTests {
  private let scheduler = VirtualScheduler()
  private let file = FakeJournalFile()

  /// Without that of the header.
  private var syncs: Int { file.syncs - 1 }

  private func journal() throws -> BatchJournal { try BatchJournal(file, path: "j", on: scheduler) }

  @Test func `records of a turn go to the file together at its end`() throws {
    let journal = try journal()
    let before = file.appends
    for number in 0..<10 { journal.append(.file(number, Samples.file("\(number)"))) }
    #expect(file.appends == before)
    scheduler.settle()
    #expect(file.appends == before + 1)
    #expect(syncs == 0)
  }

  @Test func `one sync runs at a time, calls in one turn share it, and calls during it share the next`()
    throws
  {
    let journal = try journal()
    var order: [Int] = []
    func ask(_ number: Int) {
      let position = journal.append(.file(number, Samples.file("\(number)")))
      journal.sync(upTo: position) { failure in
        #expect(failure == nil)
        order.append(number)
      }
    }
    for number in 0..<2 { ask(number) }
    #expect(syncs == 0)
    scheduler.turn()
    for number in 2..<5 { ask(number) }
    scheduler.turn()
    #expect(syncs == 1 && order == [0, 1])
    scheduler.settle()
    #expect(syncs == 2 && order == [0, 1, 2, 3, 4])
    // What is on the disk needn't be put there again.
    journal.sync(upTo: journal.end) { _ in order.append(5) }
    #expect(order.last == 5 && syncs == 2)
  }

  @Test func `when the completion of a sync is called, its records are on the disk, and a later line says so`() throws {
    let journal = try journal()
    let position = journal.append(.file(0, Samples.file("a")))
    let length = Int(file.size)
    journal.sync(upTo: position) { [file] _ in #expect(file.synced.count > length) }
    scheduler.settle()
    let synced = file.size
    journal.append(.reference(0, referenceID: "rk-1"))
    journal.append(.failed(0, code: "X"))
    scheduler.settle()
    let lines = file.text.split(separator: "\n")
    #expect(lines[2].contains("\"synced\":\(synced),") && !lines[3].contains("synced"))
  }

  @Test(arguments: [EIO, ENOSPC, EDQUOT])
  func `after a failed sync nothing more is written, and all waiting calls get the error`(number: CInt) throws {
    let journal = try journal()
    var failures: [JournalError?] = []
    var reported: [JournalError] = []
    journal.onFailure = { reported.append($0) }
    for file in 0..<3 {
      journal.sync(upTo: journal.append(.file(file, Samples.file("\(file)")))) { failures.append($0) }
    }
    file.fail(sync: number)
    scheduler.settle()
    let expected = JournalError.system(.sync, path: "j", errno: number)
    #expect(failures == [expected, expected, expected] && reported == [expected] && journal.failure == expected)
    #expect(expected.description == "cannot put on the disk the journal 'j': \(String(cString: strerror(number)))")

    let size = file.size
    file.fail(sync: 0)
    journal.append(.reference(0, referenceID: "rk-1"))
    journal.sync(upTo: journal.end) { failures.append($0) }
    scheduler.settle()
    #expect(file.size == size && syncs == 1 && failures.last == expected && reported.count == 1)
    #expect(throws: expected) { try journal.close() }
  }

  @Test func `a full disk ends the batch, and the journal can be continued later`() throws {
    let journal = try journal()
    journal.append(.file(0, Samples.file("a")))
    scheduler.settle()
    file.fail(append: ENOSPC)
    journal.append(.reference(0, referenceID: "rk-1"))
    var failure: JournalError?
    journal.sync(upTo: journal.end) { failure = $0 }
    scheduler.settle()
    #expect(failure == .system(.write, path: "j", errno: ENOSPC))
    #expect(
      failure?.fix
        == "make room there, and run again: what is in the journal is whole"
    )
    file.fail(append: 0)
    let next = try self.journal()
    #expect(next.state.entries.count == 1 && next.cutBytes == 0)
    #expect(try next.state(of: 0).referenceID == nil)
  }

  @Test func `if no thread is available for the sync, the batch ends`() throws {
    let journal = try journal()
    scheduler.callRefusal = .init(attempt: "start a thread", errno: EAGAIN)
    var failure: JournalError?
    journal.sync(upTo: journal.append(.file(0, Samples.file("a")))) { failure = $0 }
    scheduler.settle()
    #expect(failure == .system(.thread, path: "j", errno: EAGAIN))
  }

  @Test func `closing syncs everything, and a last line says so`() throws {
    let journal = try journal()
    journal.append(.file(0, Samples.file("a")))
    try journal.close()
    #expect(syncs == 1 && file.text.split(separator: "\n").count == 3)
    let size = file.synced.count
    #expect(file.text.contains("{\"record\":\"mark\",\"synced\":\(size),"))
    // Nothing new, no further line.
    let next = try self.journal()
    try next.close()
    #expect(try self.journal().state.entries.count == 1)
  }

  /// The end that a signal asks for took as long as a slow disk.
  @Test func `an urgent close waits for the disk only if a power failure could take more than parts`() throws {
    let journal = try journal()
    for record in Samples.records[..<6] { journal.append(record) }
    journal.sync(upTo: journal.end) { #expect($0 == nil) }
    scheduler.settle()
    let before = syncs
    journal.append(.part(0, Samples.part(3)))
    journal.append(.completing(0, .multipart))
    try journal.close(isUrgent: true)
    #expect(syncs == before && file.text.contains("completing"))
    let next = try self.journal()
    next.append(.done(0, .checked))
    try next.close(isUrgent: true)
    #expect(syncs == before + 1 && String(decoding: file.synced, as: UTF8.self).contains("\"done\""))
  }

  /// It wasn't before the last part, so the end that a signal asks for waited for it.
  @Test func `the video whose parts are being sent is put on the disk meanwhile`() throws {
    let journal = try journal()
    for record in Samples.records[..<3] { journal.append(record) }
    let recorder = Batch.FileRecorder(journal, 0)
    recorder.record(.upload(id: "U", unit: 1 << 20), isDurable: nil)
    scheduler.settle()
    #expect(syncs == 1)
    recorder.record(.part(Samples.part(1)), isDurable: nil)
    try journal.close(isUrgent: true)
    #expect(syncs == 1)
  }

  @Test func `a journal that can't be read is reported with the error`() throws {
    _ = try journal()
    file.fail(read: EIO)
    #expect(throws: JournalError.system(.read, path: "j", errno: EIO)) { try journal() }
  }
}
