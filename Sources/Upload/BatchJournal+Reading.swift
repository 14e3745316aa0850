import Glibc

/// What the records say.
extension BatchJournal {
  /// Finds `file` in the journal, by this name or an earlier one.
  package func match(_ file: VideoFile) throws(JournalError) -> Match {
    let hash = JournalState.hash(of: file.resolvedPath)
    let named = state.newest(withHash: hash)
    let change = named.flatMap { state.entries[$0].identity.change(to: file.identity) }
    if let named, change == nil { return .same(named) }
    if let number = state.number(of: file.identity) { return .moved(number, from: try self.file(number).path) }
    if let number = state.refusal(of: file.identity) {
      let change = state.entries[number].identity.change(to: file.identity)
      return .changed(number, change ?? "it is on another device")
    }
    if let (number, name) = try remounted(file.identity) { return .moved(number, from: name) }
    guard let named, let change else { return .new }
    // Equal hashes alone don't prove that it is the same file.
    for place in state.places(withHash: hash) {
      let recorded = try self.file(at: place)
      if recorded.resolvedPath.utf8.elementsEqual(file.resolvedPath.utf8) { return .changed(named, change) }
    }
    return .new
  }

  /// The file that had this identity on another device, if it isn't at its path any more: its file system was mounted elsewhere since, and
  /// got another number. One that is still there has a copy, with all times and the inode, as copies of whole disks have.
  ///
  /// Without a time of birth, files of two file systems may agree by chance in size, time and inode. Then one isn't uploaded, which can be
  /// made up for; a second video can't always.
  private func remounted(_ identity: FileIdentity) throws(JournalError) -> (number: Int, name: String)? {
    for number in state.like(identity) {
      let former = try self.file(number)
      guard let there = FileIdentity(following: former.resolvedPath), there.change(to: identity) == nil,
        there.device != identity.device
      else { return (number, former.path) }
    }
    return nil
  }

  /// Records another name of a file. The identity remains that of its first record: the device may have another number by now.
  func noteMoved(_ number: Int, to file: VideoFile) {
    var file = file
    file.identity = state.entries[number].identity
    append(.moved(number, file))
  }

  /// The number of `file` if the journal has it as it is, under the name that it has here; read from memory alone.
  func known(_ file: VideoFile) -> Int? {
    guard let number = state.newest(withHash: JournalState.hash(of: file.resolvedPath)),
      state.entries[number].identity.change(to: file.identity) == nil
    else { return nil }
    return number
  }

  /// The same of a file that is finished.
  func finished(_ file: VideoFile) -> Int? { known(file).flatMap { state.entries[$0].isFinished ? $0 : nil } }

  /// Takes up a file that the journal doesn't have; returns its number.
  package func begin(_ file: VideoFile) -> Int {
    let number = state.entries.count
    append(.file(number, file))
    return number
  }

  /// Everything that is known about a file. Reads up to four lines of the journal.
  package func state(of number: Int) throws(JournalError) -> FileState {
    let entry = state.entries[number]
    var state = FileState(file: try file(number))
    state.referenceID = try referenceID(of: number)
    state.video = try video(of: number)
    state.upload = self.state.uploads[number]
    state.completing = entry.completing
    state.outcome = try outcome(of: number)
    return state
  }

  /// The file under its latest name.
  package func file(_ number: Int) throws(JournalError) -> VideoFile { try file(at: state.nameAt(number)) }

  private func file(at place: Int64) throws(JournalError) -> VideoFile {
    switch try record(at: place) {
    case .file(_, let file), .moved(_, let file): return file
    default: throw lost
    }
  }

  package func referenceID(of number: Int) throws(JournalError) -> String? {
    guard state.entries[number].hasReference else { return nil }
    guard case .reference(_, let id) = try record(at: state.entries[number].referenceAt) else { throw lost }
    return id
  }

  package func video(of number: Int) throws(JournalError) -> VideoRecord? {
    guard state.entries[number].hasVideo else { return nil }
    guard case .video(_, let video) = try record(at: state.entries[number].videoAt) else { throw lost }
    return video
  }

  package func outcome(of number: Int) throws(JournalError) -> FileState.Outcome? {
    guard state.entries[number].outcome != nil else { return nil }
    switch try record(at: state.entries[number].outcomeAt) {
    case .done(_, let proof): return .done(proof)
    case .unconfirmed(_, let reason): return .unconfirmed(reason: reason)
    case .damaged(_, let reason): return .damaged(reason: reason)
    case .failed(_, let code): return .failed(code: code)
    case .changed: return .changed
    default: throw lost
    }
  }

  private func record(at place: Int64) throws(JournalError) -> JournalRecord {
    do throws(JournalError) {
      return try readRecord(at: place)
    } catch {
      readFailure = readFailure ?? error
      throw error
    }
  }

  private func readRecord(at place: Int64) throws(JournalError) -> JournalRecord {
    let line = try line(at: place)
    guard JournalLine.isWhole(line.span), let reading = JournalLine.read(line.span),
      case .record(let record) = reading.line
    else { throw lost }
    return record
  }

  private func line(at place: Int64) throws(JournalError) -> [UInt8] {
    guard place >= written else { return try readLine(at: place) }
    if let failure { throw failure }
    return Array(buffer[Int(place - written)...].prefix { $0 != UInt8(ascii: "\n") })
  }

  private func readLine(at place: Int64) throws(JournalError) -> [UInt8] {
    // Nearly every line fits into the first buffer.
    for room in [1024, JournalLine.maxLength + 1] {
      switch storage.read(at: place, room: room) {
      case .success(let bytes):
        if let end = bytes.firstIndex(of: UInt8(ascii: "\n")) { return Array(bytes[..<end]) }
      case .failure(let error): throw .system(.read, path: path, errno: error.number)
      }
    }
    throw lost
  }

  /// Another process has written to the file while this one held the lock.
  private var lost: JournalError { .altered(path: path) }
}
