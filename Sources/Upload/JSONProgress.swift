package import Core
import JSON

/// Events as objects of JSON, one on a line.
///
/// Every object has `time` (UTC) and `event`; those of a file also `path`. Further members by `event`:
///
///     started                size
///     resumed                bytes
///     created                request_id, video_id, bucket, endpoint, key, and region where it is known
///     progress               bytes, size; at most one each second for a file
///     refreshed              request_id
///     retried                error, wait_seconds, part in an upload of parts, and call for one to VOD
///     restarted
///     waiting-for-credential error
///     throttled              code, wait_seconds
///     finished               status, seconds, error and fix where it isn't uploaded or confirmed, reason where it is skipped
///                            after all, and earlier_run (true) where an earlier run had finished the file
///     skipped                reason
///     unreadable             error, fix
///     note                   text, and path where it is about a file
///     summary                files, uploaded, confirmed, uploaded_unchecked, not_confirmed, failed, not_started, skipped; the
///                            last event
package struct JSONProgress: Sendable {
  static let interval = Duration.seconds(1)

  private var paths: [Int: (path: String, size: Int64, shown: Timestamp)] = [:]

  package init() {}

  /// The line with its end; nil of an event that isn't shown. `time` is the wall clock's.
  package mutating func line(for event: UploadEvent, at now: Timestamp, time: UTCTime) -> [UInt8]? {
    if case .started(let file, let path, let size) = event { paths[file] = (path, size, now) }
    let known = event.file.flatMap { paths[$0] }
    if case .progress(let file, _) = event {
      guard let known, now - known.shown >= Self.interval else { return nil }
      paths[file]?.shown = now
    }
    if case .finished(let file, _, _) = event { paths[file] = nil }
    var json = JSONWriter([UInt8]())
    json.object { json in
      json.member("time", time.description)
      json.member("event", Self.name(of: event))
      if let known { json.member("path", known.path) }
      Self.write(event, size: known?.size ?? 0, to: &json)
    }
    return json.finish() + [UInt8(ascii: "\n")]
  }

  /// The last line of a batch.
  package static func summary(_ counts: ResultCounts, time: UTCTime) -> [UInt8] {
    var json = JSONWriter([UInt8]())
    json.object { json in
      json.member("time", time.description)
      json.member("event", "summary")
      for (name, count) in [
        ("files", counts.files), ("uploaded", counts.uploaded), ("confirmed", counts.confirmed),
        ("uploaded_unchecked", counts.unchecked), ("not_confirmed", counts.unconfirmed), ("failed", counts.failed),
        ("not_started", counts.notStarted),
        ("skipped", counts.skipped),
      ] { json.member(name, Int64(count)) }
    }
    return json.finish() + [UInt8(ascii: "\n")]
  }

  private static func name(of event: UploadEvent) -> String {
    switch event {
    case .started: "started"
    case .resumed: "resumed"
    case .created: "created"
    case .progress: "progress"
    case .refreshed: "refreshed"
    case .retried: "retried"
    case .restarted: "restarted"
    case .waitingForCredential: "waiting-for-credential"
    case .throttled: "throttled"
    case .finished: "finished"
    case .passedOver(let entry): if case .failed = entry.content { "unreadable" } else { "skipped" }
    case .note: "note"
    }
  }

  private static func write(_ event: UploadEvent, size: Int64, to json: inout JSONWriter<[UInt8]>) {
    switch event {
    case .started(_, _, let size): json.member("size", size)
    case .resumed(_, let bytes): json.member("bytes", bytes)
    case .created(_, let video): write(video, to: &json)
    case .progress(_, let bytes):
      json.member("bytes", bytes)
      json.member("size", size)
    case .refreshed(_, let id): json.member("request_id", id)
    case .retried(_, let part, let call, let error, let wait):
      if let part { json.member("part", Int64(part)) }
      if let call { json.member("call", call) }
      json.member("error", error)
      write(seconds: wait.inSeconds, "wait_seconds", to: &json)
    case .restarted: break
    case .waitingForCredential(let error): json.member("error", error)
    case .throttled(let code, let wait):
      json.member("code", code)
      write(seconds: wait.inSeconds, "wait_seconds", to: &json)
    case .finished(_, let result, let seconds):
      json.member("status", result.status)
      write(seconds: seconds, "seconds", to: &json)
      if result.isSuccess, seconds == 0 { json.member("earlier_run", true) }
      if case .skipped(let reason) = result { json.member("reason", reason.text) }
      write(result.trouble, to: &json)
    case .passedOver(let entry):
      json.member("path", entry.path)
      if let reason = entry.skipReason { json.member("reason", reason.text) }
      write(entry.result?.trouble, to: &json)
    case .note(let text, _): json.member("text", text)
    }
  }

  private static func write(_ video: VideoRecord, to json: inout JSONWriter<[UInt8]>) {
    json.member("request_id", video.requestID)
    json.member("video_id", video.videoID)
    json.member("bucket", video.bucket)
    json.member("endpoint", video.endpoint)
    json.member("key", video.key)
    if let region = video.region { json.member("region", region) }
  }

  private static func write(_ trouble: UploadResult.Trouble?, to json: inout JSONWriter<[UInt8]>) {
    guard let trouble else { return }
    json.member("error", trouble.error)
    json.member("fix", trouble.fix)
  }

  private static func write(seconds: Double, _ name: String, to json: inout JSONWriter<[UInt8]>) {
    json.key(name)
    json.double((seconds * 1000).rounded() / 1000)
  }
}
