import CloudAPI
import Core
import Glibc
import Systemd
import TestSupport
import Testing

@testable import Upload

@Suite struct BatchTests {
  private let directory: TemporaryDirectory
  private let scheduler = VirtualScheduler()
  private let cloud: InstantCloud
  private let journalFile = FakeJournalFile()

  init() throws {
    directory = try TemporaryDirectory()
    cloud = InstantCloud(scheduler)
  }

  /// A batch that has run as far as it goes by itself, and what it reported.
  private final class Run {
    var batch: Batch!
    var events: [UploadEvent] = []
    var hasEnded = false
    let journal: BatchJournal

    init(_ journal: BatchJournal) { self.journal = journal }

    var results: [UploadResult] { (0..<batch.files.count).map { batch.files.result(at: $0) } }
  }

  private func write(_ names: [String]) throws {
    for name in names { try directory.write("content of \(name)", to: name) }
  }

  private func list() -> InputList {
    InputScan.list([Array(directory.path.utf8)], InputScan.Settings(extensions: ["mp4"]))
  }

  private func run(
    _ list: InputList, jobs: Int = 2, isOpen: Bool = false, options: Batch.Options = .init(),
    on file: FakeJournalFile? = nil,
    syncFailure: CInt = 0,
    details: @escaping Batch.Details = { (file) throws(UploadResult.Trouble) in try BatchTests.details(file) }
  ) throws -> Run {
    let run = Run(try BatchJournal(file ?? journalFile, path: "journal", on: scheduler))
    if syncFailure != 0 { journalFile.fail(sync: syncFailure) }
    var options = options
    options.jobs = jobs
    run.batch = try Batch(
      list, isOpen: isOpen, options: options, journal: run.journal, cloud: cloud, scheduler: scheduler,
      details: details, report: { [unowned run] in run.events.append($0) },
      ended: { [unowned run] in run.hasEnded = true })
    run.batch.start()
    scheduler.settle()
    return run
  }

  private static func details(_ file: VideoFile) throws(UploadResult.Trouble) -> VideoDetails {
    do { return try VideoDetails(VideoDetails.Draft(title: file.title, fileName: file.name)) } catch {
      throw UploadResult.Trouble(error: "\(error)", fix: "")
    }
  }

  @Test func `all files are uploaded, a few at a time and in order`() throws {
    try write(["a.mp4", "b.mp4", "c.mp4", "d.mp4", "e.mp4", "notes.txt"])
    let run = try run(list(), jobs: 2)
    #expect(run.hasEnded && run.results.filter { $0 == .uploaded }.count == 5)
    #expect(cloud.titles == ["a", "b", "c", "d", "e"])
    #expect(cloud.mostAtOnce == 2)
    #expect(
      run.events.contains { if case .passedOver(let entry) = $0 { entry.path.hasSuffix("notes.txt") } else { false } })
    let row = run.batch.files.row(at: 0, in: run.journal)
    #expect(row.videoID == "video1" && row.referenceID?.hasPrefix("vod-upload-") == true)
    #expect(row.address == "oss://bucket/video1" && row.requestID == "request1")
    // It was left out.
    let created = run.events.compactMap { if case .created(_, let video) = $0 { video } else { nil } }
    #expect(created.map(\.region) == Array(repeating: "cn-shenzhen", count: 5))
  }

  @Test func `a second run with the same journal makes no call for uploaded files`() throws {
    try write(["a.mp4", "b.mp4"])
    let list = list()
    _ = try run(list)
    let calls = cloud.calls
    let second = try run(list, on: FakeJournalFile(journalFile.bytes))
    #expect(second.hasEnded && second.results == [.uploaded, .uploaded])
    #expect(cloud.calls == calls)
    let row = second.batch.files.row(at: 1, in: second.journal)
    #expect(row.videoID == "video2" && row.seconds == nil)
  }

  @Test func `a file that changed since it was listed, or since its first record, fails alone`() throws {
    try write(["a.mp4", "b.mp4"])
    let before = list()
    try directory.write("something longer than before", to: "a.mp4")
    let first = try run(before)
    #expect(
      first.results[0].trouble?.error.hasPrefix("FileChanged: its size changed") == true
        && first.results[1] == .uploaded)

    try directory.write("something longer than before", to: "b.mp4")
    let second = try run(list(), on: FakeJournalFile(journalFile.bytes))
    let trouble = try #require(second.results[1].trouble)
    #expect(
      trouble.error
        == "FileChanged: its size changed from 16 to 28 bytes after it was taken up; this version isn't uploaded: an earlier one already is (VideoId video1)"
    )
    #expect(trouble.fix == "to upload it too, name another journal")
    #expect(second.batch.files.row(at: 1, in: second.journal).videoID == "video1")
    #expect(cloud.titles == ["b", "a"])
  }

  @Test func `a file that VOD wouldn't accept fails before anything is sent or recorded`() throws {
    try write(["a.mp4"])
    let run = try run(list()) { (_) throws(UploadResult.Trouble) in
      throw UploadResult.Trouble(error: "Title has 129 characters", fix: "shorten it")
    }
    #expect(run.hasEnded && run.results == [.failed(.init(error: "Title has 129 characters", fix: "shorten it"))])
    #expect(cloud.calls == 0)
  }

  @Test func `stopping a batch ends the files in progress, and leaves the rest`() throws {
    try write(["a.mp4", "b.mp4", "c.mp4"])
    cloud.isSilent = true
    let run = try run(list(), jobs: 2)
    let trouble = UploadResult.Trouble(error: "interrupted", fix: "run again")
    run.batch.stop(trouble)
    #expect(run.results == [.failed(trouble), .failed(trouble), .notStarted])
    // It was counted, and missing from the table.
    let rows = run.batch.files.troubledRows(in: run.journal)
    #expect(rows.map(\.result) == run.results)
    #expect(run.batch.files.troubledRows(in: run.journal, mostUnstarted: 0).count == 2)
    #expect(run.batch.files.troubledRows(in: run.journal, most: 1).map(\.result) == [.failed(trouble), .notStarted])
    #expect(cloud.onTheirWay == 0 && !run.hasEnded)
  }

  @Test func `an open batch waits for more files, and ends after it is closed`() throws {
    try write(["a.mp4"])
    let first = list()
    let run = try run(first, isOpen: true)
    #expect(!run.hasEnded && run.results == [.uploaded])
    try write(["b.mp4"])
    run.batch.add([try #require(list().last)])
    scheduler.settle()
    #expect(!run.hasEnded && run.results == [.uploaded, .uploaded])
    run.batch.close()
    scheduler.settle()
    #expect(run.hasEnded)
  }

  @Test func `while a batch is paused nothing is started or skipped, and files in progress continue`() throws {
    try write(["a.mp4", "b.mp4", "c.txt"])
    let run = Run(try BatchJournal(journalFile, path: "journal", on: scheduler))
    var options = Batch.Options()
    options.jobs = 1
    run.batch = try Batch(
      list(), options: options, journal: run.journal, cloud: cloud, scheduler: scheduler,
      details: { (file) throws(UploadResult.Trouble) in try BatchTests.details(file) },
      report: { [unowned run] event in
        run.events.append(event)
        if case .started = event { run.batch.isPaused = true }
      }, ended: { [unowned run] in run.hasEnded = true })
    run.batch.isPaused = true
    run.batch.start()
    scheduler.settle()
    #expect(run.events.isEmpty)
    run.batch.isPaused = false
    scheduler.settle()
    #expect(run.results[0] == .uploaded && run.results[1] == .notStarted && !run.hasEnded)
    run.batch.isPaused = false
    scheduler.settle()
    #expect(run.results[1] == .uploaded && run.hasEnded)
  }

  /// It was counted as failed, although it was uploaded later.
  @Test func `a watched file that changes or vanishes before its turn is left for a later list`() throws {
    try write(["a.mp4", "b.mp4", "c.mp4"])
    let found = list()
    try directory.write("something longer than before", to: "a.mp4")
    unlink(directory.path("b.mp4"))
    let run = try run(InputList(), isOpen: true)
    run.batch.add(Array(found))
    scheduler.settle()
    #expect(run.results == [.skipped(.changed), .skipped(.gone), .uploaded])
    run.batch.add([try #require(list().first)])
    scheduler.settle()
    #expect(run.results.last == .uploaded && run.batch.files.counts.troubled == 0)
    let counts = run.batch.files.counts
    #expect(counts.uploaded == 2 && counts.skipped == 2)
  }

  @Test func `a file that vanishes before its turn is an error that says so`() throws {
    try write(["a.mp4"])
    let found = list()
    unlink(directory.path("a.mp4"))
    let trouble = try run(found).results[0].trouble
    #expect(trouble?.error == "cannot read it: No such file or directory")
    #expect(trouble?.fix == "it was moved or removed after it was listed: put it back, or leave it out")
  }

  /// What the link led to was uploaded in its place.
  @Test func `a link that takes a listed file's place isn't followed, and one that was named is`() throws {
    try write(["a.mp4"])
    let found = list()
    let other = directory.path("elsewhere")
    #expect(rename(directory.path("a.mp4"), other) == 0 && symlink(other, directory.path("a.mp4")) == 0)
    let trouble = try run(found).results[0].trouble
    #expect(trouble?.error == "NotAFile: a symbolic link has taken its place since it was listed")
    #expect(trouble?.fix == "put the file back, or name the link, which is then followed")
    #expect(cloud.calls == 0)
    let named = InputScan.list([Array(directory.path("a.mp4").utf8)], InputScan.Settings(extensions: ["mp4"]))
    #expect(try run(named, on: FakeJournalFile()).results == [.uploaded])
  }

  /// In a watched directory: once it was uploaded twice at the same time, by the same upload id.
  @Test func `a file that is found again during its upload is skipped`() throws {
    try write(["a.mp4"])
    let found = list()
    let run = Run(try BatchJournal(journalFile, path: "journal", on: scheduler))
    run.batch = try Batch(
      InputList(), isOpen: true, options: Batch.Options(), journal: run.journal, cloud: cloud, scheduler: scheduler,
      details: { (file) throws(UploadResult.Trouble) in try BatchTests.details(file) },
      report: { [unowned run] in run.events.append($0) }, ended: { [unowned run] in run.hasEnded = true })
    run.batch.start()
    run.batch.add(Array(found))
    run.batch.add(Array(found))
    scheduler.settle()
    #expect(run.results == [.uploaded, .skipped(.takenUp)] && cloud.titles == ["a"])
    run.batch.close()
    scheduler.settle()
    #expect(run.hasEnded && run.batch.files.counts.notStarted == 0)
  }

  /// It was `skipped: a sidecar`, like one that had counted.
  @Test func `a sidecar that appears after its video was started is reported as unused`() throws {
    let run = try run(InputList(), isOpen: true)
    func add(_ path: String, _ content: InputEntry.Content) {
      run.batch.add([InputEntry(path: directory.path(path), content: content)])
      scheduler.settle()
    }
    try write(["a.mp4"])
    add("a.json", .skipped(.sidecar))
    run.batch.add([try #require(list().first)])
    scheduler.settle()
    for name in ["a.mp4.json", "a.json", "b.json"] { add(name, .skipped(.sidecar)) }
    #expect(
      run.results == [
        .skipped(.sidecar), .uploaded, .skipped(.lateSidecar), .skipped(.lateSidecar), .skipped(.sidecar),
      ])
    #expect(SkipReason.lateSidecar.text == "a sidecar that came after its video was taken up, so it isn't used")
  }

  /// Its answer named the video, and yet that wasn't known.
  @Test func `a search that finds a video with an expired credential leaves no doubt about the video`() throws {
    let id = try #require(ReferenceID("vod-upload-1"))
    let failure = CallFailure(.lost, code: "AnswerExpired", requestID: "R1")
    #expect(
      UploadResult.Trouble(failure.of(.find(referenceID: id))).error
        == "RefreshUploadVideo: AnswerExpired (request R1)")
  }

  /// It was `RefreshUploadVideo: InternalError`, for a file that had no video yet.
  @Test func `the error of a failed search for a video names its purpose`() throws {
    let id = try #require(ReferenceID("vod-upload-1"))
    let failure = CallFailure(.lost, code: "InternalError", requestID: "R1")
    #expect(
      UploadResult.Trouble(failure.of(.find(referenceID: id))).error
        == "whether CreateUploadVideo made a video isn't known: RefreshUploadVideo: InternalError (request R1)")
    #expect(
      UploadResult.Trouble(failure.of(.refresh(videoID: "v"))).error
        == "RefreshUploadVideo: InternalError (request R1)")
  }

  /// Each had a text of its own, for its VideoId: a batch of many kept as many texts.
  @Test func `files that aren't confirmed have one text, and the table names their videos`() throws {
    let result = UploadResult(.notConfirmed(reason: "the answer was lost"))
    let rows = ["a", "b"].map { ReportRow(path: "\($0).mp4", result: result, videoID: "video-\($0)") }
    let table = FailureTable.render(rows, width: nil).joined(separator: "\n")
    #expect(["a", "b"].allSatisfy { table.contains("the answer was lost (VideoId video-\($0))") })
    #expect(result.trouble?.fix.contains("look for the video in VOD's console; ") == true)
  }

  /// It was said to be uploaded again if VOD has no file, which it has.
  @Test func `a video with another file's size is to be deleted before the file is uploaded again`() {
    let result = UploadResult(.notConfirmed(reason: "VOD has a file of 5 bytes, this one has 7"))
    #expect(
      result.trouble?.fix
        == "look at the video in VOD's console; if it isn't this file, delete it there, and upload the file with another journal"
    )
  }

  @Test func `what an interruption leaves to the next run is said`() throws {
    try write(["a.mp4"])
    cloud.storesNothing = true
    let first = try run(list())
    first.batch.stop(.init(error: "interrupted", fix: "run again"))
    #expect(
      first.results.first?.trouble?.fix
        == "run again; as OSS may have the whole file, the next run asks VOD first (GetMezzanineInfo)")
    first.journal.append(.unconfirmed(0, reason: "lost"))
    first.journal.flush()
    var options = Batch.Options()
    options.upload.retriesUnconfirmed = true
    let second = try run(list(), options: options, on: FakeJournalFile(journalFile.bytes))
    second.batch.stop(.init(error: "interrupted", fix: "run again"))
    #expect(
      second.results.first?.trouble?.fix
        == "it stays not confirmed: run again with --retry-unconfirmed; the journal has how far it came")
  }

  @Test func `files that hadn't settled at the end say so`() throws {
    try write(["a.mp4"])
    var files = BatchFiles(InputList())
    files.addUnsettled(list(), settle: .seconds(2))
    #expect(files.result(at: 0) == .unsettled(.seconds(2)) && files.counts.notStarted == 1)
  }

  /// The report that it had replaced named their videos.
  @Test func `files that hadn't settled at the end are what an earlier run has made of them`() throws {
    try write(["a.mp4", "b.mp4"])
    cloud.storesNothing = true
    let first = try run(list(), jobs: 1)
    first.batch.stop(.init(error: "interrupted", fix: ""))
    first.journal.flush()
    cloud.storesNothing = false
    try write(["c.mp4"])
    let file = FakeJournalFile(journalFile.bytes)
    let second = try run(InputScan.list([Array(directory.path("c.mp4").utf8)], .init(extensions: ["mp4"])), on: file)
    #expect(second.results == [.uploaded])
    second.journal.flush()
    let third = try run(InputList(), isOpen: true, on: FakeJournalFile(file.bytes))
    third.batch.stop(.init(error: "interrupted", fix: ""))
    third.batch.addUnsettled(list(), settle: .seconds(2))
    #expect(third.results == [.unsettled(.seconds(2)), .unsettled(.seconds(2)), .uploaded])
    let ids = (0..<3).map { third.batch.files.row(at: $0, in: third.journal).videoID }
    #expect(ids == ["video1", nil, "video2"])
  }

  @Test func `a file that hadn't settled again isn't counted twice`() throws {
    try write(["a.mp4"])
    let run = try run(list(), isOpen: true)
    run.batch.stop(.init(error: "interrupted", fix: ""))
    run.batch.addUnsettled(list(), settle: .seconds(2))
    #expect(run.results == [.uploaded, .skipped(.takenUp)] && run.batch.files.counts.files == 1)
  }

  // MARK: Names

  private func move(_ name: String, to other: String) {
    #expect(rename(directory.path(name), directory.path(other)) == 0)
  }

  private func nextRun() throws -> Run { try run(list(), on: FakeJournalFile(journalFile.bytes)) }

  @Test func `a finished file that was renamed isn't uploaded again`() throws {
    try write(["a.mp4"])
    _ = try run(list())
    move("a.mp4", to: "b.mp4")
    let calls = cloud.calls
    let file = FakeJournalFile(journalFile.bytes)
    let second = try run(list(), on: file)
    #expect(second.results == [.uploaded] && cloud.calls == calls)
    #expect(second.batch.files.row(at: 0, in: second.journal).videoID == "video1")
    let old = directory.path("a.mp4")
    let note = UploadEvent.note("taken up before as '\(old)' (VideoId video1)", file: 0)
    #expect(second.events.contains(note))
    // By now it is known by that name.
    second.journal.flush()
    let third = try run(list(), on: FakeJournalFile(file.bytes))
    #expect(third.results == [.uploaded] && cloud.calls == calls && !third.events.contains(note))
  }

  @Test func `an unfinished file that was renamed continues as the same video`() throws {
    try write(["a.mp4"])
    cloud.storesNothing = true
    let first = try run(list())
    first.batch.stop(.init(error: "interrupted", fix: ""))
    first.journal.flush()
    cloud.storesNothing = false
    move("a.mp4", to: "b.mp4")
    cloud.status = "UploadFail"
    let second = try nextRun()
    #expect(second.results == [.uploaded] && cloud.titles == ["a"])
    #expect(second.batch.files.row(at: 0, in: second.journal).videoID == "video1")
  }

  @Test func `if names were passed from file to file, each belongs to its new file`() throws {
    try write(["a.mp4"])
    _ = try run(list())
    move("a.mp4", to: "b.mp4")
    try write(["a.mp4"])
    let second = try nextRun()
    #expect(second.results == [.uploaded, .uploaded] && cloud.titles == ["a", "a"])
    let ids = (0..<2).map { second.batch.files.row(at: $0, in: second.journal).videoID }
    #expect(ids == ["video2", "video1"])
  }

  @Test func `a file that replaces a missing one is a failure`() throws {
    try write(["a.mp4"])
    _ = try run(list())
    try write(["c.mp4"])
    move("c.mp4", to: "a.mp4")
    let second = try nextRun()
    #expect(
      second.results[0].trouble?.error.contains("it was replaced by another file") == true && cloud.titles == ["a"])
  }

  @Test func `a hard link is the same video, a copy another`() throws {
    try write(["a.mp4"])
    _ = try run(list())
    #expect(link(directory.path("a.mp4"), directory.path("b.mp4")) == 0)
    let both = try nextRun()
    #expect(both.results == [.uploaded, .skipped(.duplicate(of: directory.path("a.mp4")))])
    #expect(unlink(directory.path("a.mp4")) == 0)
    #expect(try nextRun().results == [.uploaded] && cloud.titles == ["a"])
    try directory.write("content of a.mp4", to: "c.mp4")
    #expect(try nextRun().results == [.uploaded, .uploaded] && cloud.titles == ["a", "c"])
  }

  /// The summary counted its video twice, and an earlier run was said to have uploaded it.
  @Test func `a watched file that is renamed after its upload is skipped under the new name, and stays known`() throws {
    try write(["a.mp4"])
    let run = try run(list(), isOpen: true)
    move("a.mp4", to: "b.mp4")
    run.batch.add(Array(list()))
    scheduler.settle()
    #expect(run.results == [.uploaded, .skipped(.duplicate(of: directory.path("a.mp4")))])
    #expect(run.batch.files.counts.uploaded == 1)
    #expect(!run.events.contains { if case .note = $0 { true } else { false } })
    try touch("b.mp4")
    run.batch.add(Array(list()))
    scheduler.settle()
    #expect(Self.isFileChanged(run.results.last) && cloud.titles == ["a"])
  }

  private func touch(_ name: String) throws { try directory.write("content of \(name), and more", to: name) }

  private static func isFileChanged(_ result: UploadResult?) -> Bool {
    result?.trouble?.error.hasPrefix("FileChanged: ") == true
  }

  /// It was uploaded as a second video.
  @Test func `a file that was renamed, then renamed back in another run, and then changed, is a failure`() throws {
    try write(["a.mp4"])
    _ = try run(list())
    var file = FakeJournalFile(journalFile.bytes)
    for (old, new) in [("a.mp4", "b.mp4"), ("b.mp4", "a.mp4")] {
      move(old, to: new)
      let next = try run(list(), on: file)
      next.journal.flush()
      file = FakeJournalFile(file.bytes)
    }
    try touch("a.mp4")
    let last = try run(list(), on: file)
    #expect(Self.isFileChanged(last.results.first) && cloud.titles == ["a"])
  }

  /// It was uploaded as a second video.
  @Test func `a file that lost its first hard link and then changed is a failure`() throws {
    try write(["h.mp4"])
    _ = try run(list())
    #expect(link(directory.path("h.mp4"), directory.path("a.mp4")) == 0)
    let file = FakeJournalFile(journalFile.bytes)
    let second = try run(list(), on: file)
    second.journal.flush()
    #expect(unlink(directory.path("a.mp4")) == 0)
    try touch("h.mp4")
    let third = try run(list(), on: FakeJournalFile(file.bytes))
    #expect(Self.isFileChanged(third.results.first) && cloud.titles == ["h"])
  }

  /// It was uploaded as a second video.
  @Test func `a hard link that was listed behind its file is that file to the next runs, whatever becomes of both`()
    throws
  {
    try write(["a.mp4"])
    #expect(link(directory.path("a.mp4"), directory.path("h.mp4")) == 0)
    let file = FakeJournalFile()
    let first = try run(list(), on: file)
    #expect(first.results == [.uploaded, .skipped(.duplicate(of: directory.path("a.mp4")))])
    #expect(first.batch.files.row(at: 1, in: first.journal).videoID == "video1")
    first.journal.flush()
    #expect(unlink(directory.path("a.mp4")) == 0)
    try touch("h.mp4")
    #expect(Self.isFileChanged(try run(list(), on: FakeJournalFile(file.bytes)).results.first) && cloud.titles == ["a"])
  }

  /// It failed as another version of something that VOD had never heard of, for ever.
  @Test func `a file that changed before VOD heard of it is a new one`() throws {
    try write(["a.mp4"])
    let first = try run(list()) { (_) throws(UploadResult.Trouble) in
      throw UploadResult.Trouble(error: "Title has 129 characters", fix: "shorten it")
    }
    first.journal.flush()
    try touch("a.mp4")
    #expect(try nextRun().results == [.uploaded] && cloud.titles == ["a"])
  }

  /// Its row lacked the VideoId, and nothing said that an earlier version may be uploaded.
  @Test func `a file that changed since it wasn't confirmed names the video that may be there`() throws {
    try write(["a.mp4"])
    cloud.storesNothing = true
    let first = try run(list())
    first.batch.stop(.init(error: "interrupted", fix: ""))
    first.journal.append(.unconfirmed(0, reason: "lost"))
    first.journal.flush()
    try touch("a.mp4")
    let second = try nextRun()
    #expect(second.results.first?.trouble?.error.contains("whether an earlier version is uploaded isn't known") == true)
    #expect(second.batch.files.row(at: 0, in: second.journal).videoID == "video1")
  }

  /// They were not started, without a VideoId, or failed as they couldn't be read.
  @Test func `what an earlier run finished is so without a turn, and without being read`() throws {
    try write(["a.mp4", "b.mp4"])
    _ = try run(list())
    let found = list()
    let stopped = Run(try BatchJournal(FakeJournalFile(journalFile.bytes), path: "journal", on: scheduler))
    stopped.batch = try Batch(
      found, options: Batch.Options(), journal: stopped.journal, cloud: cloud, scheduler: scheduler,
      details: { (file) throws(UploadResult.Trouble) in try BatchTests.details(file) }, report: { _ in }, ended: {})
    stopped.batch.stop(.init(error: "interrupted", fix: ""))
    #expect(stopped.results == [.uploaded, .uploaded])
    #expect(stopped.batch.files.row(at: 1, in: stopped.journal).videoID == "video2")
    unlink(directory.path("a.mp4"))
    let calls = cloud.calls
    #expect(try run(found, on: FakeJournalFile(journalFile.bytes)).results == [.uploaded, .uploaded])
    #expect(cloud.calls == calls)
  }

  /// It was uploaded as a second video, under its other name.
  @Test(arguments: [true, false])
  func `a version that wasn't uploaded isn't uploaded under another name either`(_ isLink: Bool) throws {
    try write(["v.mp4"])
    _ = try run(list())
    try touch("v.mp4")
    let file = FakeJournalFile(journalFile.bytes)
    let second = try run(list(), on: file)
    #expect(Self.isFileChanged(second.results.first))
    second.journal.flush()
    if isLink {
      #expect(link(directory.path("v.mp4"), directory.path("A.mp4")) == 0)
    } else {
      move("v.mp4", to: "w.mp4")
    }
    let third = try run(list(), on: FakeJournalFile(file.bytes))
    #expect(Self.isFileChanged(third.results.first) && cloud.titles == ["v"])
  }

  /// It had a row as failed besides, whose remedy made a second video.
  @Test func `a watched file that failed since it was renamed is settled once it is uploaded by its new name`() throws {
    try write(["a.mp4"])
    cloud.refusal = CallFailure(.fileMoved, code: "FileMoved")
    let run = try run(list(), isOpen: true)
    #expect(run.batch.files.counts.failed == 1)
    cloud.refusal = nil
    move("a.mp4", to: "b.mp4")
    try touch("a.mp4")
    run.batch.add(Array(list()))
    scheduler.settle()
    let (old, new) = (directory.path("a.mp4"), directory.path("b.mp4"))
    #expect(run.results == [.skipped(.duplicate(of: new)), .uploaded, .uploaded] && cloud.titles == ["a", "a"])
    #expect(run.events.contains(.note("'\(old)' failed after it was renamed; it is uploaded as '\(new)'")))
    #expect((0..<2).map { run.batch.files.row(at: $0 * 2, in: run.journal).videoID } == ["video1", "video1"])
  }

  /// It was uploaded as a second video.
  @Test func `a watched file that was moved away and back, and then changed, is a failure`() throws {
    try write(["a.mp4"])
    let run = try run(list(), isOpen: true)
    for (old, new) in [("a.mp4", "b.mp4"), ("b.mp4", "a.mp4")] {
      move(old, to: new)
      if new == "b.mp4" { run.batch.add(Array(list())) }
      scheduler.settle()
    }
    try touch("a.mp4")
    run.batch.add(Array(list()))
    scheduler.settle()
    #expect(Self.isFileChanged(run.results.last) && cloud.titles == ["a"])
  }

  @Test func `a watched file that is renamed during its upload is skipped under the new name`() throws {
    try write(["a.mp4"])
    cloud.storesNothing = true
    let run = try run(list(), isOpen: true)
    move("a.mp4", to: "b.mp4")
    run.batch.add(Array(list()))
    scheduler.settle()
    #expect(run.results == [.notStarted, .skipped(.duplicate(of: directory.path("a.mp4")))] && cloud.titles == ["a"])
  }

  // MARK: What waits for VOD

  @Test func `a file that waits for VOD doesn't delay others, and ends by itself`() throws {
    try write(["a.mp4"])
    cloud.storesNothing = true
    let first = try run(list())
    first.batch.stop(.init(error: "interrupted", fix: ""))
    first.journal.flush()
    cloud.storesNothing = false
    try write(["b.mp4", "c.mp4"])
    let second = try run(list(), jobs: 1, on: FakeJournalFile(journalFile.bytes))
    #expect(second.results == [.notStarted, .uploaded, .uploaded] && !second.hasEnded)
    scheduler.advance(by: .seconds(61))
    #expect(second.results == [.uploaded, .uploaded, .uploaded] && second.hasEnded)
    #expect(cloud.titles == ["a", "b", "c"])
  }

  /// Nothing said why such a file wasn't confirmed in the end.
  @Test func `that VOD can't be asked about files of an earlier run is reported once, with the effect`() throws {
    try write(["a.mp4", "b.mp4", "c.mp4"])
    cloud.refusal = CallFailure(.refused, code: "InternalError")
    let first = try run(list())
    #expect(first.batch.files.counts.failed == 3)
    first.journal.flush()
    cloud.refusal = nil
    cloud.statusRefusal = CallFailure(.denied, code: "NoPermission", requestID: "R1")
    let second = try run(list(), on: FakeJournalFile(journalFile.bytes))
    #expect(second.results == [.uploaded, .uploaded, .uploaded])
    let notes = second.events.compactMap { if case .note(let text, let file) = $0 { (text, file) } else { nil } }
    #expect(
      notes.map(\.0) == [
        "GetMezzanineInfo isn't allowed (NoPermission (request R1)); unfinished files of an earlier run are continued, "
          + "but one that is already in OSS ends as not confirmed"
      ])
    #expect(notes.allSatisfy { $0.1 == nil })
  }

  @Test func `no video is created while the journal can't be synced`() throws {
    try write(["a.mp4", "b.mp4"])
    let run = try run(list(), syncFailure: EIO)
    #expect(run.journal.failure != nil)
    #expect(cloud.calls == 0)
  }
}

/// A cloud that does all that it is asked, at once.
private final class InstantCloud: UploadCloud {
  private let scheduler: VirtualScheduler
  private(set) var titles: [String] = []
  private(set) var calls = 0
  private(set) var onTheirWay = 0
  private(set) var mostAtOnce = 0
  /// Whether nothing is answered.
  var isSilent = false
  /// What OSS answers to everything.
  var refusal: CallFailure?
  /// Whether OSS doesn't answer.
  var storesNothing = false
  /// What GetMezzanineInfo says.
  var status = "Uploading"
  /// What it answers instead.
  var statusRefusal: CallFailure?

  init(_ scheduler: VirtualScheduler) { self.scheduler = scheduler }

  /// Something on its way.
  private final class Pending: SentRequest {
    let bytesSent = 0
    let mayBeWhole = true
    var deferral: (any Deferral)?
    var end: (() -> Void)?
    deinit { end?() }
  }

  private func later(isSilent: Bool, _ body: @escaping () -> Void) -> Pending {
    let pending = Pending()
    onTheirWay += 1
    mostAtOnce = max(mostAtOnce, onTheirWay)
    pending.end = { [self] in onTheirWay -= 1 }
    guard !isSilent else { return pending }
    pending.deferral = scheduler.deferred { [unowned pending] in
      pending.end?()
      pending.end = nil
      body()
    }
    pending.deferral?.schedule()
    return pending
  }

  func make(
    _ call: FileUpload.Call, for details: VideoDetails, completion: @escaping (Result<CallAnswer, CallFailure>) -> Void
  ) -> AnyObject {
    calls += 1
    var number = titles.count
    switch call {
    case .create:
      titles.append(details.draft.title)
      number += 1
    case .find: break
    case .refresh(let video), .mezzanine(let video), .removeParts(let video): number = Int(video.dropFirst(5)) ?? 0
    }
    let now = scheduler.time
    return later(isSilent: isSilent) { [status, statusRefusal] in
      if case .mezzanine = call {
        if let statusRefusal { return completion(.failure(statusRefusal)) }
        return completion(.success(.mezzanine(MezzanineInfo(status: status))))
      }
      if case .removeParts = call { return completion(.success(.partsRemoved)) }
      let address = UploadAddress(bucket: "bucket", endpoint: "oss-cn-shanghai.aliyuncs.com", key: "video\(number)")!
      let content = UploadGrant(
        requestID: "request\(number)", videoID: "video\(number)", address: address,
        credential: UploadCredential(
          accessKeyID: "STS.\(number)", secret: secret("a"), token: secret("b"), expires: UTCTime(seconds: 0),
          region: "cn-shenzhen"))
      completion(.success(.grant(FileUpload.Grant(content, issued: now, lapses: now + .seconds(3000)))))
    }
  }

  func send(
    _ request: FileUpload.Request, of file: SourceFile, with grant: FileUpload.Grant, keepingObject: Bool,
    completion: @escaping (Result<FileUpload.Answer, CallFailure>) -> Void
  ) -> any SentRequest {
    later(isSilent: isSilent || storesNothing) { [refusal] in
      if let refusal { return completion(.failure(refusal)) }
      var answer = FileUpload.Answer()
      answer.crc = CRC64()
      completion(.success(answer))
    }
  }
}
