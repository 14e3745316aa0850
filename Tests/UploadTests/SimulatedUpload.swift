import CloudAPI
import Core
import Simulation
import TestSupport

@testable import Upload

/// An upload of one file against a `SimulatedCloud`, in virtual time: runs that end or are killed, and what each leaves in the journal.
struct SimulatedUpload {
  enum End: Equatable {
    case outcome(FileUpload.Outcome)
    case killed
    /// Nothing more would ever happen: an error of the machine.
    case stuck
  }

  private struct Pending {
    var at: Timestamp
    var order: Int
    var event: Kind
  }

  private enum Kind {
    case durable(upTo: Int, isAwaited: Bool)
    case call(FileUpload.Call, FileUpload.Attempt)
    case request(FileUpload.Request, FileUpload.Grant, FileUpload.Attempt, keepingObject: Bool, sent: Timestamp)
    case timer
  }

  var cloud: SimulatedCloud
  var options: FileUpload.Options
  var chance: SeededGenerator
  var now = Timestamp(microseconds: 0)
  /// The records that are on disk, in order.
  private(set) var journal: [FileUpload.Record] = []
  private(set) var notices: [FileUpload.Notice] = []
  /// Every request that was sent to OSS.
  private(set) var requests: [FileUpload.Request] = []
  /// Every call made to VOD.
  private(set) var calls: [FileUpload.Call] = []
  /// How long one part takes, in seconds per MB.
  var secondsPerMegabyte = 1.0
  /// When the file becomes another.
  var changes: Timestamp?
  private var unsynced: [FileUpload.Record] = []
  private var queue: [Pending] = []
  private var order = 0
  private var timer: Timestamp?
  private var cancelled: Set<FileUpload.Attempt> = []

  init(_ cloud: SimulatedCloud, options: FileUpload.Options = FileUpload.Options(), seed: UInt64 = 1) {
    self.cloud = cloud
    self.options = options
    chance = SeededGenerator(seed: seed)
  }

  /// What the journal says of the file.
  var progress: FileUpload.Progress {
    var progress = FileUpload.Progress()
    for record in journal { progress.take(record) }
    return progress
  }

  /// Has the next run begin with a copy of the journal from when it had `count` records.
  mutating func goBack(to count: Int) { journal = Array(journal.prefix(count)) }

  /// Runs until the file ends, or until `steps` events have happened, after which the process is killed: what wasn't on disk may be lost.
  ///
  /// With `reason` it removes the parts of a file that has changed meanwhile.
  mutating func run(killedAfter steps: Int = .max, abandoning reason: CallFailure? = nil) -> End {
    var upload = FileUpload(size: cloud.size, progress: progress, options: options)
    (queue, unsynced, timer, cancelled) = ([], [], nil, [])
    let effects =
      if let reason {
        upload.abandon(because: reason, at: now, using: &chance)
      } else {
        upload.start(at: now, using: &chance)
      }
    if let end = perform(effects, of: upload) { return end }
    for _ in 0..<min(steps, 100_000) {
      guard let place = queue.indices.min(by: { before(queue[$0], queue[$1]) }) else { return .stuck }
      let next = queue.remove(at: place)
      now = max(now, next.at)
      guard let event = happen(next.event) else { continue }
      if let end = perform(upload.handle(event, at: now, using: &chance), of: upload) { return end }
    }
    guard steps < 100_000 else { return .stuck }
    // The page cache may have been written further than was asked for.
    journal += unsynced.prefix(Int.random(in: 0...unsynced.count, using: &chance))
    // What was on its way may still be carried out.
    for pending in queue { if Bool.random(using: &chance) { _ = happen(pending.event) } }
    return .killed
  }

  private func before(_ left: Pending, _ right: Pending) -> Bool {
    left.at == right.at ? left.order < right.order : left.at < right.at
  }

  private mutating func plan(_ event: Kind, in span: Duration) {
    order += 1
    queue.append(Pending(at: now + span, order: order, event: event))
  }

  private mutating func happen(_ event: Kind) -> FileUpload.Event? {
    switch event {
    case .durable(let count, let isAwaited):
      let arrived = count - journal.count
      if arrived > 0 {
        journal += unsynced.prefix(arrived)
        unsynced.removeFirst(min(arrived, unsynced.count))
      }
      return isAwaited ? .recorded : nil
    case .call(let call, let attempt):
      switch cloud.answer(call, at: now, using: &chance) {
      case .success(.grant(let grant)): return .granted(grant, attempt)
      case .success(.mezzanine(let info)): return .mezzanine(info, attempt)
      case .success(.partsRemoved): return .partsRemoved(attempt)
      case .failure(let failure): return .callFailed(failure, attempt)
      }
    case .request(let request, let grant, let attempt, let keepingObject, let sent):
      if hasChanged(for: request, sent: sent) {
        return cancelled.contains(attempt) ? nil : .storeFailed(Self.changed, attempt)
      }
      // Taken back: it may have been through all the same, and nobody hears of it.
      if cancelled.contains(attempt) && Bool.random(using: &chance) { return nil }
      let answer = cloud.answer(request, with: grant, keepingObject: keepingObject, sent: sent, using: &chance)
      if cancelled.contains(attempt) { return nil }
      switch answer {
      case .success(let answer): return .stored(answer, attempt)
      case .failure(let failure): return .storeFailed(failure, attempt)
      }
    case .timer:
      guard let timer, timer <= now else { return nil }
      self.timer = nil
      return .timer
    }
  }

  static let changed = CallFailure(.fileChanged, code: "FileChanged", remedy: "let it come to rest")

  /// Whether the file shows that it isn't the same any more: before Complete is sent, and before the last byte of another request.
  private func hasChanged(for request: FileUpload.Request, sent: Timestamp) -> Bool {
    guard let changes else { return false }
    switch request {
    case .abort: return false
    case .complete, .initiate: return sent >= changes
    case .put, .part: return now >= changes
    }
  }

  private mutating func perform(_ effects: [FileUpload.Effect], of upload: FileUpload) -> End? {
    for effect in effects {
      switch effect {
      case .record(let record, let isAwaited):
        unsynced.append(record)
        let count = journal.count + unsynced.count
        if isAwaited {
          plan(.durable(upTo: count, isAwaited: true), in: .milliseconds(Int.random(in: 1...30, using: &chance)))
        }
      case .call(let call, let attempt):
        calls.append(call)
        // Now and then one is under way for as long as many parts.
        let most = Int.random(in: 0..<5, using: &chance) == 0 ? 4000 : 300
        plan(.call(call, attempt), in: .milliseconds(Int.random(in: 10...most, using: &chance)))
      case .send(let request, let attempt):
        requests.append(request)
        plan(
          .request(request, upload.grant!, attempt, keepingObject: upload.keepsObject, sent: now),
          in: duration(of: request))
      case .cancelRequests:
        for case .request(_, _, let attempt, _, _) in queue.map(\.event) { cancelled.insert(attempt) }
      case .wake(let time):
        timer = time
        if let time { plan(.timer, in: time - now) }
      case .report(let notice): notices.append(notice)
      case .end(let outcome):
        journal += unsynced
        unsynced = []
        return .outcome(outcome)
      }
    }
    return nil
  }

  private mutating func duration(of request: FileUpload.Request) -> Duration {
    let bytes =
      switch request {
      case .put: cloud.size
      case .part(_, _, let range): range.count
      default: 0
      }
    return .milliseconds(Int.random(in: 5...50, using: &chance))
      + .seconds(fraction: Double(bytes) / 1_000_000 * secondsPerMegabyte)
  }
}
