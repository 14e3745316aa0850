/// Reads a journal from its start.
///
/// Lines that were certainly on the disk must have right checksums, or the journal is refused. After them, a power
/// failure may have left anything, since blocks reach the disk in any order; the file is cut off at the first damaged
/// line. How much was on the disk is stated in later lines (`JournalLine`).
struct JournalReplay {
  private(set) var state = JournalState()
  /// The end of the valid part, which is kept; 0 if even the header is missing.
  private(set) var end: Int64 = 0
  /// The highest length that a line states to be on the disk.
  private(set) var synced: Int64 = 0

  private let path: String
  private var line = 0
  /// The position and number of the first damaged line.
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

  /// Reads all complete lines in `bytes`, whose first byte is at `place`; returns their length in bytes.
  private mutating func takeLines(of bytes: [UInt8], at place: Int64) throws(JournalError) -> Int {
    let span = bytes.span
    var start = 0
    while let length = Self.lineLength(span, from: start) {
      try take(span.extracting(start..<start + length), at: place + Int64(start))
      start += length + 1
    }
    // Anything longer than the longest line isn't a line, so its bytes needn't be kept.
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
      // A file that isn't a journal is never cut off.
      if line == 1 { throw .notAJournal(path: path) }
      if damage == nil { damage = (place, line) }
      return
    }
    guard let reading = JournalLine.read(bytes) else {
      throw .impossible(path: path, line: line, why: "this is no record of format \(JournalLine.version)")
    }
    if let on = reading.synced { synced = max(synced, on) }
    if let damage {
      // Valid lines after a damaged one state how much was on the disk.
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

  /// `rest` is what comes after the last line feed.
  private mutating func finish(_ rest: [UInt8], at place: Int64) throws(JournalError) {
    if rest.isEmpty { return }
    if line > 0 {
      if synced > place { throw .damaged(path: path, line: line + 1) }
      return
    }
    // The beginning of a header that a crash cut off, or zeros that were never written.
    var header: [UInt8] = []
    JournalLine.header(version: JournalLine.version).write(to: &header)
    guard header.starts(with: rest) || rest.allSatisfy({ $0 == 0 }) else { throw .notAJournal(path: path) }
  }
}
