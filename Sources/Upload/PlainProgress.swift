package import Core

/// Events as lines of text, for an output that isn't a terminal: a line or more for each, and one of a running upload now and then.
package struct PlainProgress: Sendable {
  /// How far apart two lines on an upload's progress are.
  static let interval = Duration.seconds(30)

  private var totals: ProgressTotals
  private var lastShown: [Int: Timestamp] = [:]

  package init(files: Int, size: Int64, at now: Timestamp) {
    totals = ProgressTotals(files: files, size: size, at: now)
  }

  /// The batch has more files than was thought.
  package mutating func grow(toFiles files: Int, size: Int64) {
    totals.files = files
    totals.size = size
  }

  /// Lines without their ends; none of an event that isn't worth one.
  package mutating func lines(for event: UploadEvent, at now: Timestamp) -> [String] {
    let path = event.file.flatMap { totals.running[$0]?.path }
    totals.take(event, at: now)
    if case .progress(let file, let bytes) = event { return progress(file, bytes, now) }
    if case .started(let file, _, _) = event { lastShown[file] = now }
    if case .finished(let file, _, _) = event { lastShown[file] = nil }
    return Self.lines(event, path: path ?? "")
  }

  private mutating func progress(_ file: Int, _ bytes: Int64, _ now: Timestamp) -> [String] {
    guard let one = totals.running[file], now - (lastShown[file] ?? now) >= Self.interval else { return [] }
    lastShown[file] = now
    let share = one.size > 0 ? " (\(bytes * 100 / one.size) %)" : ""
    return ["\(VisibleText.escaped(one.path)): \(ByteCount.text(bytes)) of \(ByteCount.text(one.size))\(share)"]
  }

  /// The lines of an event of the file at `path`; those after the first are `Name: value`.
  static func lines(_ event: UploadEvent, path: String) -> [String] {
    let path = VisibleText.escaped(path)
    switch event {
    case .started(_, let path, let size): return ["\(VisibleText.escaped(path)): started, \(ByteCount.text(size))"]
    case .resumed(_, 0): return ["\(path): continued from the start"]
    case .resumed(_, let bytes): return ["\(path): continued, \(ByteCount.text(bytes)) are there already"]
    case .created(_, let video):
      return [
        "\(path): video created", "RequestId: \(VisibleText.escaped(video.requestID))",
        "VideoId: \(VisibleText.escaped(video.videoID))", "UploadAddress: \(VisibleText.escaped(video.address))",
      ]
    case .progress: return []
    case .refreshed(_, let id): return ["\(path): upload credential renewed (request \(VisibleText.escaped(id)))"]
    case .retried(_, let part, let call, let error, let wait):
      let what = part.map { "part \($0)" } ?? call ?? "upload"
      return ["\(path): \(what): \(VisibleText.escaped(error)); next try \(text(wait))"]
    case .restarted: return ["\(path): OSS doesn't know the upload any more; starting it again"]
    case .waitingForCredential(let error): return ["waiting for a credential: \(VisibleText.escaped(error))"]
    case .throttled(let code, let wait): return ["VOD asks for fewer calls (\(code)); next call \(text(wait))"]
    case .finished(_, let result, let seconds): return [finished(result, path, seconds)]
    case .passedOver(let entry): return [passedOver(entry)]
    case .note(let text, nil): return [VisibleText.escaped(text)]
    case .note(let text, _?): return ["\(path): \(VisibleText.escaped(text))"]
    }
  }

  private static func finished(_ result: UploadResult, _ path: String, _ seconds: Double) -> String {
    switch result {
    case .uploaded where seconds == 0: return "\(path): uploaded by an earlier run"
    case .unchecked where seconds == 0: return "\(path): uploaded by an earlier run, CRC64 not checked"
    case .confirmed where seconds == 0: return "\(path): confirmed by VOD in an earlier run, CRC not seen"
    case .uploaded: return "\(path): uploaded in \(text(seconds)), CRC64 checked"
    case .unchecked: return "\(path): uploaded in \(text(seconds)), CRC64 not checked (OSS named none)"
    case .confirmed: return "\(path): confirmed by VOD, CRC not seen"
    case .unconfirmed(let trouble), .failed(let trouble):
      let status = result.status == "failed" ? "failed" : "not confirmed"
      return "\(path): \(status): \(VisibleText.escaped(trouble.error)); \(VisibleText.escaped(trouble.fix))"
    case .skipped(let reason): return skipped(path, reason)
    case .notStarted, .unsettled: return "\(path): not started"
    }
  }

  /// With tenths where they matter.
  private static func text(_ seconds: Double) -> String {
    guard seconds < 10 else { return Duration.seconds(fraction: seconds).text }
    let tenths = max(1, Int((seconds * 10).rounded()))
    return "\(tenths / 10).\(tenths % 10)s"
  }

  private static func passedOver(_ entry: InputEntry) -> String {
    let path = VisibleText.escaped(entry.path)
    if case .failed(let problem) = entry.content { return "\(path): \(problem); \(problem.fix)" }
    return entry.skipReason.map { skipped(path, $0) } ?? path
  }

  private static func skipped(_ path: String, _ reason: SkipReason) -> String {
    "\(path): skipped: \(VisibleText.escaped(reason.text))"
  }

  private static func text(_ wait: Duration) -> String { wait < .seconds(1) ? "at once" : "in \(wait.text)" }
}
