import Glibc
package import Systemd

/// The state of a batch: a file of records that outlives any interruption.
///
/// The records of a turn of the loop are written together at its end (write(2)), so that a crash of the program loses
/// only the current turn. A record that must also survive a power failure is waited for with `sync`. One sync at a time
/// runs beside the loop (fdatasync(2)); calls that come meanwhile share the next one.
///
/// After the first failure nothing more is written: if fdatasync has failed, the content of the disk isn't known.
package final class BatchJournal {
  /// A position between records: everything before it has been appended.
  package struct Position: Comparable, Hashable, Sendable {
    fileprivate let offset: Int64

    package static func < (left: Position, right: Position) -> Bool { left.offset < right.offset }
  }

  /// How a file relates to the journal.
  package enum Match: Equatable, Sendable {
    /// The journal doesn't have it.
    case new
    case same(Int)
    /// It has the same file under another name: the file was renamed, or is a hard link.
    case moved(Int, from: String)
    /// It has another file that is or was at this path; the text is a clause that says how they differ.
    case changed(Int, String)

    /// Of the same file in the journal; nil when it has none.
    var number: Int? {
      switch self {
      case .same(let number), .moved(let number, _): number
      case .new, .changed: nil
      }
    }
  }

  package let path: String
  package private(set) var state: JournalState
  /// The number of bytes that a crash had left at the end, and that were cut off.
  package let cutBytes: Int64
  /// Why nothing is written any more.
  package private(set) var failure: JournalError?
  /// The first error when reading it after it was opened.
  package internal(set) var readFailure: JournalError?
  /// Called once, from the loop, when `failure` is set.
  package var onFailure: ((JournalError) -> Void)?
  /// Called from the loop after the file was moved or removed and has been written to its place again.
  package var onReturn: (() -> Void)?

  private(set) var storage: any JournalFile
  private let scheduler: any Scheduler
  private var flushing: (any Deferral)?
  /// Appended records that aren't in the file yet.
  private(set) var buffer: [UInt8] = []
  /// The length of the file, without the buffer.
  private(set) var written: Int64
  /// The length that is known to be on the disk, also stated in the file.
  private var synced: Int64
  /// The end of the last record that a power failure mustn't take (`JournalRecord.isExpendable`).
  private var firm: Int64 = 0
  /// The beginning of the file, to detect that something else has changed it.
  private var beginning: [UInt8] = []
  private var marked: Int64
  private var syncCall: AnyObject?
  private var waiting: [(position: Position, completion: (JournalError?) -> Void)] = []

  /// Opens the journal at `path`, or makes it; see `DiskJournalFile.open`.
  package static func open(_ path: String, on scheduler: any Scheduler) throws(JournalError) -> BatchJournal {
    try BatchJournal(try DiskJournalFile.open(path), path: path, on: scheduler)
  }

  /// Reads `file` and cuts off what a crash left at its end. Throws for one that isn't a journal, or is damaged.
  package init(_ file: any JournalFile, path: String, on scheduler: any Scheduler) throws(JournalError) {
    let replay = try JournalReplay.read(file, path: path)
    storage = file
    self.path = path
    self.scheduler = scheduler
    state = replay.state
    let size = file.size
    cutBytes = size - replay.end
    if cutBytes > 0 {
      let number = file.cut(to: replay.end)
      guard number == 0 else { throw .system(.cut, path: path, errno: number) }
    }
    written = replay.end
    marked = replay.synced
    // Data from the last run may not be on the disk; the first sync includes it.
    synced = 0
    flushing = scheduler.deferred { [unowned self] in
      flush()
      startSync()
    }
    if written == 0 { begin() }
    if let failure { throw failure }
    beginning = try readBeginning(Int(min(written, 128)))
  }

  private func readBeginning(_ count: Int) throws(JournalError) -> [UInt8] {
    switch storage.read(at: 0, room: count) {
    case .success(let bytes): return bytes
    case .failure(let error): throw .system(.read, path: path, errno: error.number)
    }
  }

  /// Fails when something else has written to the file, or cut it, since this object did.
  private func checkUnaltered() {
    if failure == nil, storage.size != written { fail(.altered(path: path)) }
  }

  /// Syncs the header before any record: a file without a header isn't recognized as a journal, and is never written
  /// to.
  private func begin() {
    JournalLine.header(version: JournalLine.version).write(to: &buffer)
    flush()
    guard failure == nil else { return }
    let number = storage.sync()
    if number == 0 { synced = written } else { fail(.system(.sync, path: path, errno: number)) }
  }

  /// Everything appended so far.
  package var end: Position { Position(offset: written + Int64(buffer.count)) }

  /// Appends a record, and applies it to `state` at once. After a failure it is dropped.
  @discardableResult
  package func append(_ record: JournalRecord) -> Position {
    guard failure == nil else { return end }
    let why = state.apply(record, at: end.offset)
    precondition(why == nil, "journal: a record out of order")
    append(.record(record))
    if !record.isExpendable { firm = end.offset }
    return end
  }

  private func append(_ line: JournalLine) {
    let news = synced > marked ? synced : nil
    marked = max(marked, synced)
    line.write(to: &buffer, synced: news)
    flushing?.schedule()
  }

  /// Writes what has been appended to the file.
  package func flush() {
    guard failure == nil, !buffer.isEmpty else { return }
    checkUnaltered()
    guard failure == nil else { return }
    let number = storage.append(buffer)
    guard number == 0 else { return fail(.system(.write, path: path, errno: number)) }
    written += Int64(buffer.count)
    buffer.removeAll(keepingCapacity: buffer.capacity <= 1 << 16)
  }

  /// Calls `completion` from the loop when everything before `position` is on the disk, or with the failure that
  /// prevents it.
  package func sync(upTo position: Position, completion: @escaping (JournalError?) -> Void) {
    if let failure { return completion(failure) }
    if position.offset <= synced { return completion(nil) }
    waiting.append((position, completion))
    // Not at once: each sync costs two switches between threads, and calls in the same turn share it.
    flushing?.schedule()
  }

  private func startSync() {
    guard syncCall == nil, !waiting.isEmpty else { return }
    flush()
    guard failure == nil else { return }
    let target = written
    let file = storage
    do throws(LoopError) {
      syncCall = try scheduler.call({
        let number = file.sync()
        return (number, isInPlace: number != 0 || file.isInPlace)
      }) { [unowned self] number, isInPlace in
        syncCall = nil
        if isInPlace { syncEnded(number, upTo: target) } else { displaced() }
      }
    } catch {
      fail(.system(.thread, path: path, errno: error.errno))
    }
  }

  /// The file isn't where the next run looks for it, and that run would upload everything again.
  private func displaced() {
    flush()
    guard failure == nil else { return }
    switch storage.putBack() {
    case .inPlace(let file):
      storage = file
      onReturn?()
      syncEnded(0, upTo: written)
    case .beside(let saved): fail(.displaced(path: path, savedAs: saved))
    case .nowhere: fail(.displaced(path: path, savedAs: nil))
    }
  }

  private func syncEnded(_ number: CInt, upTo target: Int64) {
    guard number == 0 else { return fail(.system(.sync, path: path, errno: number)) }
    synced = max(synced, target)
    let due = waiting.filter { $0.position.offset <= synced }
    waiting.removeAll { $0.position.offset <= synced }
    if !waiting.isEmpty { flushing?.schedule() }
    for one in due { one.completion(nil) }
  }

  private func fail(_ error: JournalError) {
    guard failure == nil else { return }
    failure = error
    buffer = []
    let due = waiting
    waiting = []
    onFailure?(error)
    for one in due { one.completion(error) }
  }

  /// Writes the rest and waits until it is on the disk; for the end of a run, when no `sync` is awaited any more. The
  /// last line then states that everything before it is on the disk.
  ///
  /// If `isUrgent`, expendable records aren't waited for: they outlive the program, and only a power failure soon after takes them.
  package func close(isUrgent: Bool = false) throws(JournalError) {
    flush()
    if failure == nil, !isUrgent || firm > synced {
      let number = storage.sync()
      if number == 0 { synced = written } else { fail(.system(.sync, path: path, errno: number)) }
    }
    if failure == nil, synced > marked {
      append(.mark)
      flush()
    }
    checkUnaltered()
    if failure == nil, try readBeginning(beginning.count) != beginning { fail(.altered(path: path)) }
    if failure == nil, !storage.isInPlace { displaced() }
    if let failure { throw failure }
  }
}
