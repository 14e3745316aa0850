/// The content of a journal's records, file by file.
///
/// Each run may have other options and permissions, and knows of earlier runs only what is kept here. So what may have
/// happened at VOD or OSS remains until a record states that it didn't, whatever else is written meanwhile:
///
/// | what is known | by | until |
/// |---|---|---|
/// | a ReferenceId may have a video | `reference` | `refused`, as long as there is no video |
/// | the object may be whole | `completing` | `refused` |
/// | whether the video is there can't be found out | `unconfirmed` | `refused`, or `video` where there was none before |
/// | OSS has an object that isn't the file | `damaged` | never; nothing counts that follows but names |
/// | the video is there | `done` | never; nothing may follow but names and other versions |
/// | a version of the file isn't uploaded | `changed` | never |
/// | a path is one of this file's | `file`, `moved` | another file is taken up there |
///
/// `done` and `damaged` replace everything above them. `failed` and `changed` state how a run ended, and apply until
/// the next run starts; they replace nothing.
///
/// Of each file, it keeps the offsets of its records, and the parts of an upload in progress: 100,000 files take some
/// 15 MB, however many records they have. `BatchJournal.state(of:)` reads the rest when needed.
package struct JournalState: Equatable, Sendable {
  /// The final result of a file.
  package enum Outcome: UInt8, Sendable {
    case done, confirmed, unproven, unconfirmed, damaged, failed, changed
  }

  /// A multipart upload that hasn't ended.
  package struct Upload: Equatable, Sendable {
    package var uploadID: String
    package var unit: Int64
    /// By ascending number, each once.
    package var parts: [FinishedPart]
  }

  /// What is kept for every file: offsets of lines in the journal; 0 if there is no such record.
  package struct Entry: Equatable, Sendable {
    package let identity: FileIdentity
    let fileAt: Int64
    var referenceAt: Int64 = 0
    var videoAt: Int64 = 0
    var outcomeAt: Int64 = 0
    package fileprivate(set) var completing: Completion?
    package fileprivate(set) var outcome: Outcome?
    /// The latest file before this one that has the same size, time and inode; -1 if there is none.
    fileprivate var likeBefore: Int32 = -1

    package var hasVideo: Bool { videoAt > 0 }
    package var hasReference: Bool { referenceAt > 0 }
    /// Whether the video exists, so that nothing remains to be done.
    package var isFinished: Bool { outcome == .done || outcome == .confirmed || outcome == .unproven }
  }

  /// By number.
  package private(set) var entries: [Entry] = []
  /// The uploads that haven't ended, by file number.
  package private(set) var uploads: [Int: Upload] = [:]
  /// The latest file at each path, by a hash of the path.
  private var newest: [Int: Int32] = [:]
  /// The latest file with each size, time and inode (`likeness`).
  private var known: [Int: Int32] = [:]
  /// Versions of files that are another by now and aren't uploaded, and the numbers of these files.
  private var refused: [FileIdentity: Int32] = [:]
  /// Where the newest `moved` to each path is, by a hash of it: a name that a file once had still leads to it.
  private var moves: [Int: Int64] = [:]
  /// The offset of the latest `moved` of each file that has one.
  private var lastMoves: [Int32: Int64] = [:]

  init() {}

  /// Applies a record whose line begins at `place`. If it can't follow the earlier ones, returns the reason and changes
  /// nothing.
  mutating func apply(_ record: JournalRecord, at place: Int64) -> String? {
    let file = record.file
    if case .file(_, let recorded) = record {
      guard file == entries.count else { return "file \(file) follows \(entries.count) files" }
      let likeness = recorded.identity.likeness
      var entry = Entry(identity: recorded.identity, fileAt: place)
      entry.likeBefore = known[likeness] ?? -1
      entries.append(entry)
      newest[Self.hash(of: recorded.resolvedPath)] = Int32(file)
      known[likeness] = Int32(file)
      return nil
    }
    guard entries.indices.contains(file) else { return "there is no file \(file) yet" }
    if case .moved(_, let recorded) = record {
      guard entries[file].identity == recorded.identity else { return "file \(file) was moved, and is another one" }
      let hash = Self.hash(of: recorded.resolvedPath)
      newest[hash] = Int32(file)
      moves[hash] = place
      lastMoves[Int32(file)] = place
      return nil
    }
    if case .changed(_, let version) = record {
      if let version, entries[file].identity.changeInRun(to: version) != nil { refused[version] = Int32(file) }
      if entries[file].isFinished { return nil }
    }
    if let why = obstacle(to: record) { return why }
    apply(record, to: file, at: place)
    return nil
  }

  private func obstacle(to record: JournalRecord) -> String? {
    let entry = entries[record.file]
    if entry.isFinished { return "file \(record.file) was finished before" }
    switch record {
    case .reference where entry.hasReference: return "file \(record.file) has a ReferenceId already"
    case .upload, .completing, .done:
      return entry.hasVideo ? nil : "file \(record.file) has no video yet"
    case .part: return uploads[record.file] == nil ? "file \(record.file) has no upload in parts" : nil
    default: return nil
    }
  }

  private mutating func apply(_ record: JournalRecord, to file: Int, at place: Int64) {
    if entries[file].outcome == .damaged { return }
    let isUnconfirmed = entries[file].outcome == .unconfirmed
    if !isUnconfirmed { entries[file].outcome = nil }
    switch record {
    case .file, .moved: break
    case .reference: entries[file].referenceAt = place
    case .video:
      if !entries[file].hasVideo { entries[file].outcome = nil }
      entries[file].videoAt = place
      uploads[file] = nil
    case .upload(_, let id, let unit): uploads[file] = Upload(uploadID: id, unit: unit, parts: [])
    case .part(_, let part): uploads[file]?.take(part)
    case .restarted: uploads[file] = nil
    case .completing(_, let completion): entries[file].completing = completion
    case .refused:
      entries[file].outcome = nil
      entries[file].completing = nil
      if !entries[file].hasVideo { entries[file].referenceAt = 0 }
    case .done(_, let proof): finish(file, proof.outcome, at: place)
    case .damaged: finish(file, .damaged, at: place)
    case .unconfirmed: end(file, .unconfirmed, at: place)
    case .failed: if !isUnconfirmed { end(file, .failed, at: place) }
    case .changed: if !isUnconfirmed { end(file, .changed, at: place) }
    }
  }

  private mutating func finish(_ file: Int, _ outcome: Outcome, at place: Int64) {
    end(file, outcome, at: place)
    entries[file].completing = nil
    uploads[file] = nil
  }

  private mutating func end(_ file: Int, _ outcome: Outcome, at place: Int64) {
    entries[file].outcome = outcome
    entries[file].outcomeAt = place
  }

  /// The latest file with that hash of its path. Two paths have the same hash in one of 10^9 batches of 100,000 files.
  func newest(withHash hash: Int) -> Int? { newest[hash].map { Int($0) } }

  /// The offset of the record with the file's latest name.
  func nameAt(_ number: Int) -> Int64 { lastMoves[Int32(number)] ?? entries[number].fileAt }

  /// The offsets of the records that may have given this path to the latest file with its hash.
  func places(withHash hash: Int) -> [Int64] {
    guard let number = newest(withHash: hash) else { return [] }
    return [entries[number].fileAt] + [moves[hash]].compactMap { $0 }
  }

  /// The latest file with that identity; nil if there is none.
  func number(of identity: FileIdentity) -> Int? {
    like(identity).first { entries[$0].identity.device == identity.device }
  }

  /// The files that may be the one with that identity, whatever their devices are, the latest first.
  func like(_ identity: FileIdentity) -> some Sequence<Int> {
    sequence(first: known[identity.likeness] ?? -1) { [entries] in entries[Int($0)].likeBefore }
      .lazy.prefix { $0 >= 0 }.map { Int($0) }.filter { [entries] in entries[$0].identity.change(to: identity) == nil }
  }

  /// The file of which this is a version that isn't uploaded; nil if it isn't known as one.
  func refusal(of identity: FileIdentity) -> Int? {
    (refused[identity] ?? refused[identity.withoutBirth]).map { Int($0) }
  }

  /// A hash of the bytes: Strings that look alike would have the same hash.
  static func hash(of path: String) -> Int {
    var hasher = Hasher()
    var path = path
    path.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
    return hasher.finalize()
  }
}

extension JournalState.Upload {
  fileprivate mutating func take(_ part: FinishedPart) {
    // From the end, since parts are finished nearly in order.
    var place = parts.count
    while place > 0, parts[place - 1].number > part.number { place -= 1 }
    if place > 0, parts[place - 1].number == part.number {
      parts[place - 1] = part
    } else {
      parts.insert(part, at: place)
    }
  }
}

/// Everything that the journal has about a file.
package struct FileState: Equatable, Sendable {
  package enum Outcome: Equatable, Sendable {
    case done(Proof)
    case unconfirmed(reason: String)
    case damaged(reason: String)
    case failed(code: String)
    case changed
  }

  package var file: VideoFile
  package var referenceID: String?
  package var video: VideoRecord?
  package var upload: JournalState.Upload?
  /// The single PUT or Complete that may have been carried out; nil if none was sent, or if it was certainly refused.
  package var completing: Completion?
  package var outcome: Outcome?
}

extension JournalState.Outcome {
  /// nil of a file that isn't finished.
  var proof: Proof? {
    switch self {
    case .done: .checked
    case .confirmed: .confirmed
    case .unproven: .unproven
    case .unconfirmed, .damaged, .failed, .changed: nil
    }
  }
}

extension Proof {
  fileprivate var outcome: JournalState.Outcome {
    switch self {
    case .checked: .done
    case .confirmed: .confirmed
    case .unproven: .unproven
    }
  }
}
