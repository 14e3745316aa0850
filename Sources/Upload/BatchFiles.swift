import Core

/// The files of a batch and the outcome of each, in some 80 bytes per file.
package struct BatchFiles: Sendable {
  private enum Status: UInt8 {
    case notStarted, uploaded, confirmed, unchecked, troubled, duplicate, changed, gone, unsettled
  }

  private struct Slot {
    var status = Status.notStarted
    var journalNumber: Int32 = -1
    var seconds: Float = 0
    /// Where its trouble is, or of a duplicate the file that it is the same as.
    var place: Int32 = -1
  }

  /// What was found at the paths in the arguments.
  package let list: InputList
  /// What has been added since.
  private var added = InputList()
  private var slots: [Slot]
  private var troubles = Troubles()
  /// The last index of each identity, by its `likeness`; nil until it is needed.
  private var places: [Int: Int32]?
  /// How long a file must have been unchanged before it is uploaded.
  private var settle = Duration.zero

  package init(_ list: InputList) {
    self.list = list
    slots = Array(repeating: Slot(), count: list.count)
  }

  package var count: Int { slots.count }

  mutating func add(_ entry: InputEntry) {
    if case .file(let file) = entry.content { places?[file.identity.likeness] = Int32(slots.count) }
    added.append(entry)
    slots.append(Slot())
  }

  /// Adds files that were seen but never started.
  package mutating func addUnstarted(_ entries: some Sequence<InputEntry>) { for entry in entries { add(entry) } }

  /// Adds files that were seen but hadn't been unchanged for `settle`.
  mutating func addUnsettled(_ entries: some Sequence<InputEntry>, settle: Duration) {
    self.settle = settle
    for entry in entries {
      add(entry)
      slots[slots.count - 1].status = .unsettled
    }
  }

  /// Whether the batch has the file `identity` at another existing path than `path`, in which links are resolved.
  mutating func hasElsewhere(_ identity: FileIdentity, than path: String) -> Bool {
    let places = self.places ?? findPlaces()
    self.places = places
    guard let place = places[identity.likeness], let other = file(at: Int(place)) else { return false }
    guard other.identity.change(to: identity) == nil, !other.resolvedPath.utf8.elementsEqual(path.utf8) else {
      return false
    }
    return FileIdentity(at: other.resolvedPath).map { $0.change(to: identity) == nil } ?? false
  }

  private func findPlaces() -> [Int: Int32] {
    var places: [Int: Int32] = [:]
    for index in 0..<count { if let file = file(at: index) { places[file.identity.likeness] = Int32(index) } }
    return places
  }

  package func entry(at index: Int) -> InputEntry { index < list.count ? list[index] : added[index - list.count] }

  /// Nil for an entry that isn't uploaded.
  func file(at index: Int) -> VideoFile? {
    index < list.count ? list.file(at: index) : added.file(at: index - list.count)
  }

  /// The file at `index` that was listed as another name of one before; nil of anything else.
  func duplicate(at index: Int) -> VideoFile? {
    index < list.count ? list.duplicate(at: index) : added.duplicate(at: index - list.count)
  }

  private func isFile(at index: Int) -> Bool {
    index < list.count ? list.isFile(at: index) : added.isFile(at: index - list.count)
  }

  /// The first file at `start` or behind it, or another name of one.
  func nextFile(from start: Int) -> Int? {
    var index = start
    while index < count {
      if index < list.count ? list.isRegularFile(at: index) : added.isRegularFile(at: index - list.count) {
        return index
      }
      index += 1
    }
    return nil
  }

  mutating func note(_ index: Int, journalNumber: Int) { slots[index].journalNumber = Int32(journalNumber) }

  /// Notes that `index` is the file at `other`, whose number in the journal it shares. Returns why it is skipped.
  mutating func note(_ index: Int, sameAs other: Int) -> SkipReason {
    slots[index].journalNumber = slots[other].journalNumber
    slots[index].place = Int32(other)
    return reasonOfDuplicate(at: index)
  }

  private func reasonOfDuplicate(at index: Int) -> SkipReason {
    let (path, other) = (entry(at: index).path, entry(at: Int(slots[index].place)).path)
    return path.utf8.elementsEqual(other.utf8) ? .takenUp : .duplicate(of: other)
  }

  mutating func note(_ index: Int, _ result: UploadResult, seconds: Double) {
    slots[index].seconds = Float(seconds)
    switch result {
    case .uploaded: slots[index].status = .uploaded
    case .confirmed: slots[index].status = .confirmed
    case .unchecked: slots[index].status = .unchecked
    case .notStarted: slots[index].status = .notStarted
    case .unsettled: slots[index].status = .unsettled
    case .skipped(.changed): slots[index].status = .changed
    case .skipped(.gone): slots[index].status = .gone
    // Everything else that is skipped was found so.
    case .skipped: slots[index].status = .duplicate
    case .failed, .unconfirmed:
      slots[index].status = .troubled
      slots[index].place = troubles.add(result) ?? -1
    }
  }

  package func result(at index: Int) -> UploadResult {
    if !isFile(at: index), let result = entry(at: index).result { return result }
    let slot = slots[index]
    return switch slot.status {
    case .notStarted: .notStarted
    case .unsettled: .unsettled(settle)
    case .uploaded: .uploaded
    case .confirmed: .confirmed
    case .unchecked: .unchecked
    case .duplicate: .skipped(reasonOfDuplicate(at: index))
    case .changed: .skipped(.changed)
    case .gone: .skipped(.gone)
    case .troubled: troubles[slot.place]
    }
  }

  package var counts: ResultCounts {
    var counts = ResultCounts()
    for index in 0..<count { counts.count(result(at: index)) }
    return counts
  }

  /// The row of the report, with what the journal knows of the file.
  package func row(at index: Int, in journal: BatchJournal) -> ReportRow {
    let entry = entry(at: index)
    var row = ReportRow(path: entry.path, result: result(at: index))
    switch entry.content {
    case .file(let file), .duplicate(let file, _): row.size = file.identity.size
    case .skipped, .failed: return row
    }
    let slot = slots[index]
    guard slot.journalNumber >= 0 else { return row }
    if slot.seconds > 0 { row.seconds = Double(slot.seconds) }
    // If the journal can no longer be read, the report lacks what it would add.
    let number = Int(slot.journalNumber)
    row.referenceID = try? journal.referenceID(of: number)
    if let video = try? journal.video(of: number) {
      row.videoID = video.videoID
      row.requestID = video.requestID.isEmpty ? nil : video.requestID
      row.address = video.address
    }
    return row
  }

  /// The first `most` rows of files that failed or aren't confirmed, and the first `mostUnstarted` of files that
  /// weren't started.
  package func troubledRows(in journal: BatchJournal, most: Int = 1000, mostUnstarted: Int = 100) -> [ReportRow] {
    var (troubled, unstarted) = (0, 0)
    return (0..<count).filter { index in
      let result = result(at: index)
      if result.isNotStarted {
        unstarted += 1
        return unstarted <= mostUnstarted
      }
      guard result.trouble != nil else { return false }
      troubled += 1
      return troubled <= most
    }.map { row(at: $0, in: journal) }
  }
}

extension CallFailure {
  /// The error for people: the code, its meaning, and the request ID that the vendor's support needs.
  var text: String {
    let what = detail.map { "\(code): \($0)" } ?? code
    return requestID.map { "\(what) (request \($0))" } ?? what
  }
}

extension UploadResult.Trouble: Error {
  init(_ error: JournalError) {
    self.init(error: "\(error)", fix: error.fix ?? "name another journal with --journal")
  }

  init(_ failure: CallFailure) {
    let call = failure.call.map { "\($0): " } ?? ""
    let question = failure.asksForVideo ? "whether CreateUploadVideo made a video isn't known: " : ""
    self.init(error: question + call + failure.text, fix: failure.remedy ?? "run again; it goes on where it was")
  }
}

extension UploadResult {
  init(_ proof: Proof) {
    self =
      switch proof {
      case .checked: .uploaded
      case .confirmed: .confirmed
      case .unproven: .unchecked
      }
  }

  init(_ outcome: FileUpload.Outcome) {
    self =
      switch outcome {
      case .uploaded(let proof): UploadResult(proof)
      case .notConfirmed(let reason):
        .unconfirmed(
          Trouble(
            error: reason,
            fix: reason.hasPrefix(FileUpload.otherFile)
              ? "look at the video in VOD's console; if it isn't this file, delete it there, and upload the file with another journal"
              : "look for the video in VOD's console; if it has no file there, or the role may call GetMezzanineInfo by now, run again with --retry-unconfirmed"
          ))
      case .failed(let failure): .failed(Trouble(failure))
      case .damaged(let reason):
        .failed(
          Trouble(error: reason, fix: "delete the video in VOD's console, and upload the file with another journal"))
      }
  }
}
