package import Core

/// Who was handed what: the count by uid, and which readers of that uid have been recorded with the session that they get.
package struct ReadCounter {
  /// What a reader is apart from its uid. Hashes, since they are only compared.
  package struct Reader: Hashable, Sendable {
    fileprivate let program: Int
    /// nil for none.
    fileprivate let unit: Int?

    package init(program: String?, unit: UnitName?) {
      self.program = program.hashValue
      self.unit = unit?.hashValue
    }
  }

  /// What is to be done about a hand-out.
  package enum Record: Hashable, Sendable {
    /// The first of this session to this uid.
    case first
    /// The first of this session to this reader.
    case another
    /// The first to a reader beyond those that are recorded one by one.
    case beyond
    case known
  }

  package struct Line {
    package let uid: UInt32
    package private(set) var count: UInt64 = 0
    fileprivate var pool = Readers()
    /// One at most. Each kind apart: a reader that asks for both in turn is recorded twice, not at each request.
    fileprivate var reserved: [Readers] = []

    fileprivate init(uid: UInt32) { self.uid = uid }

    fileprivate mutating func countOne() { count += 1 }

    fileprivate mutating func enter(_ session: SessionID, isReserved: Bool, _ pid: Int32, at now: Timestamp) -> Bool {
      count += 1
      return change(isReserved) { $0.mayBeNew(session, pid, at: now) }
    }

    fileprivate mutating func change<Result>(_ isReserved: Bool, _ body: (inout Readers) -> Result) -> Result {
      guard isReserved else { return body(&pool) }
      if reserved.isEmpty { reserved.append(Readers()) }
      return body(&reserved[0])
    }
  }

  /// The recorded readers of one session.
  fileprivate struct Readers {
    private(set) var session: SessionID?
    private var isFull = false
    /// The process that read last, and when it was looked at.
    private var pid: Int32 = 0
    private var looked = Timestamp(microseconds: 0)
    private var first: Reader?
    private var others: [Reader] = []

    mutating func mayBeNew(_ session: SessionID, _ pid: Int32, at now: Timestamp) -> Bool {
      if self.session != session {
        self = Self()
        self.session = session
      }
      return first == nil || self.pid != pid || now - looked >= ReadCounter.trust
    }

    mutating func record(_ reader: Reader, _ pid: Int32, at now: Timestamp, within allowance: () -> Bool) -> Record {
      (self.pid, looked) = (pid, now)
      guard let first else {
        self.first = reader
        return .first
      }
      if first == reader || others.contains(reader) { return .known }
      if isFirstOfUnit(reader) || takesAnother(within: allowance) {
        others.append(reader)
        return .another
      }
      if isFull { return .known }
      isFull = true
      return .beyond
    }

    private func takesAnother(within allowance: () -> Bool) -> Bool {
      !isFull && others.count + 1 < ReadCounter.mostReaders && allowance()
    }

    private func isFirstOfUnit(_ reader: Reader) -> Bool {
      guard let unit = reader.unit, others.count + 1 < ReadCounter.mostUnits else { return false }
      return first?.unit != unit && !others.contains { $0.unit == unit }
    }
  }

  /// How many readers of one uid are recorded with one session; beyond that, only the first of each unit.
  static let mostReaders = 16
  /// How many are recorded at most, with the first of each unit. A program may call itself anything, but which unit it runs in is the service manager's
  /// choice: other programs of its user can't keep a unit out of the record.
  static let mostUnits = 256
  /// For how long a process's number is taken for the same process and program without another look. Only the record depends on it, never who
  /// may read.
  package static let trust: Duration = .seconds(1)

  /// In ascending order of their uids. They are mostly few: a dictionary takes more memory, and longer to find one.
  package private(set) var lines: [Line] = []

  package init() {}

  /// The users that a reserved session was handed to, in ascending order: also those who read it while the pool had none.
  package func holders(of reserved: SessionID) -> [UInt32] {
    lines.filter { $0.reserved.first?.session == reserved || $0.pool.session == reserved }.map(\.uid)
  }

  /// Counts a hand-out; true when the process may be a reader that hasn't been recorded with this session, on which `record` decides.
  package mutating func enter(
    uid: UInt32, pid: Int32, session: SessionID, isReserved: Bool = false, at now: Timestamp
  ) -> Bool {
    let place = line(of: uid)
    return lines[place].enter(session, isReserved: isReserved, pid, at: now)
  }

  /// Counts a hand-out of a session that is derived from the role.
  package mutating func count(uid: UInt32) { lines[line(of: uid)].countOne() }

  /// The index of the user's line, which is added if there is none.
  private mutating func line(of uid: UInt32) -> Int {
    let place = place(of: uid)
    if place == lines.count || lines[place].uid != uid { lines.insert(Line(uid: uid), at: place) }
    return place
  }

  /// After `enter`: what is to be done about this reader. `allowance` is asked before another reader of the same uid is recorded that isn't the
  /// first of its unit.
  package mutating func record(
    _ reader: Reader, uid: UInt32, pid: Int32, isReserved: Bool = false, at now: Timestamp,
    within allowance: () -> Bool = { true }
  ) -> Record {
    let place = place(of: uid)
    guard place < lines.count, lines[place].uid == uid else { return .known }
    return lines[place].change(isReserved) { $0.record(reader, pid, at: now, within: allowance) }
  }

  /// How many hand-outs the uid has had.
  package func count(of uid: UInt32) -> UInt64 {
    let place = place(of: uid)
    return place < lines.count && lines[place].uid == uid ? lines[place].count : 0
  }

  /// Of the first line that isn't before `uid`.
  private func place(of uid: UInt32) -> Int {
    var range = lines.indices
    while !range.isEmpty {
      let middle = range.lowerBound + range.count / 2
      range = lines[middle].uid < uid ? middle + 1..<range.upperBound : range.lowerBound..<middle
    }
    return range.lowerBound
  }
}
