/// Reads a journal from its start.
///
/// Lines that were on the disk for certain must be whole, or the journal is refused. Behind them a power failure may have left anything, since
/// blocks reach the disk in any order; what follows the first line that isn't whole is cut off there. A line tells how much was on the disk
/// when it was written (`JournalLine`).
struct JournalReplay {
  private(set) var state = JournalState()
  /// What is good: up to here the file is kept. 0 when not even the header is there.
  private(set) var end: Int64 = 0
  /// What some line says was on the disk.
  private(set) var synced: Int64 = 0

  private let path: String
  private var line = 0
  /// Where the first line that isn't whole begins, and its number.
  private var damage: (place: Int64, line: Int)?

  private init(path: String) { self.path = path }

  static func read(_ file: any JournalFile, path: String) throws(JournalError) -> JournalReplay {
    var replay = JournalReplay(path: path)
    var place: Int64 = 0
    var rest: [UInt8] = []
    while true {
      let chunk: [UInt8]
      switch file.read(at: place + Int64(rest.count), room: 1 << 18) {
      case .success(let bytes): chunk = bytes
      case .failure(let error): throw .system(.read, path: path, errno: error.number)
      }
      if chunk.isEmpty { break }
      rest += chunk
      let taken = try replay.takeLines(of: rest, at: place)
      rest.removeFirst(taken)
      place += Int64(taken)
    }
    try replay.finish(rest, at: place)
    return replay
  }

  /// Takes all lines that end in `bytes`, whose first byte is at `place`; returns how many bytes these are.
  private mutating func takeLines(of bytes: [UInt8], at place: Int64) throws(JournalError) -> Int {
    let span = bytes.span
    var start = 0
    while let length = Self.lineLength(span, from: start) {
      try take(span.extracting(start..<start + length), at: place + Int64(start))
      start += length + 1
    }
    // What is longer than any line is none: its bytes needn't be kept.
    guard start == 0, bytes.count > JournalLine.maxLength else { return start }
    if line == 0 { throw .notAJournal(path: path) }
    if damage == nil { damage = (place, line + 1) }
    return bytes.count
  }

  private static func lineLength(_ bytes: Span<UInt8>, from start: Int) -> Int? {
    bytes.extracting(start..<bytes.count).withUnsafeBufferPointer { $0.firstIndex(of: UInt8(ascii: "\n")) }
  }

  private mutating func take(_ bytes: Span<UInt8>, at place: Int64) throws(JournalError) {
    line += 1
    guard JournalLine.isWhole(bytes) else {
      // Nothing of a file that isn't ours is ever cut off.
      if line == 1 { throw .notAJournal(path: path) }
      if damage == nil { damage = (place, line) }
      return
    }
    guard let reading = JournalLine.read(bytes) else {
      throw .impossible(path: path, line: line, why: "this is no record of format \(JournalLine.version)")
    }
    if let on = reading.synced { synced = max(synced, on) }
    if let damage {
      // Whole lines behind one that isn't tell where the disk was.
      if synced > damage.place { throw .damaged(path: path, line: damage.line) }
      return
    }
    try take(reading.line, at: place)
    end = place + Int64(bytes.count) + 1
  }

  private mutating func take(_ content: JournalLine, at place: Int64) throws(JournalError) {
    switch content {
    case .header(let version):
      guard line == 1 else { throw .impossible(path: path, line: line, why: "a header in the middle") }
      guard version > 0 else { throw .notAJournal(path: path) }
      if version > JournalLine.version { throw .newerVersion(path: path, version: version) }
    case .record(let record):
      guard line > 1 else { throw .notAJournal(path: path) }
      if let why = state.apply(record, at: place) { throw .impossible(path: path, line: line, why: why) }
    case .mark: if line == 1 { throw .notAJournal(path: path) }
    }
  }

  /// `rest` is what follows the last line feed.
  private mutating func finish(_ rest: [UInt8], at place: Int64) throws(JournalError) {
    if rest.isEmpty { return }
    if line > 0 {
      if synced > place { throw .damaged(path: path, line: line + 1) }
      return
    }
    // The beginning of a header that a crash cut off, or of zeroes that never were anything else.
    var header: [UInt8] = []
    JournalLine.header(version: JournalLine.version).write(to: &header)
    guard header.starts(with: rest) || rest.allSatisfy({ $0 == 0 }) else { throw .notAJournal(path: path) }
  }
}
