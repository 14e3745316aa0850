/// An event in a batch, for progress output. `file` is the file's number; the first event of a file is `started`.
package enum UploadEvent: Equatable, Sendable {
  case started(file: Int, path: String, size: Int64)
  /// An earlier run had sent this many bytes.
  case resumed(file: Int, bytes: Int64)
  /// VOD has created the video.
  case created(file: Int, VideoRecord)
  /// The number of bytes sent so far; bytes that are sent again count once.
  case progress(file: Int, bytes: Int64)
  /// The upload's credential was renewed.
  case refreshed(file: Int, requestID: String)
  /// `part` is nil for a single PUT, `call` for a request to OSS; `wait` is until the next try.
  case retried(file: Int, part: Int?, call: String? = nil, error: String, wait: Duration)
  /// The upload starts again from the beginning, since OSS no longer has it.
  case restarted(file: Int)
  /// There is no credential, so no call can be made.
  case waitingForCredential(error: String)
  /// VOD throttles calls.
  case throttled(code: String, wait: Duration)
  /// `seconds` is the time in this run; 0 if an earlier run had finished the file.
  case finished(file: Int, UploadResult, seconds: Double)
  /// An entry that isn't uploaded, or can't be read.
  case passedOver(InputEntry)
  /// A note on a file; on the whole batch if `file` is nil.
  case note(String, file: Int? = nil)

  package var file: Int? {
    switch self {
    case .started(let file, _, _), .resumed(let file, _), .created(let file, _), .progress(let file, _),
      .refreshed(let file, _), .retried(let file, _, _, _, _), .restarted(let file), .finished(let file, _, _):
      file
    case .note(_, let file): file
    case .waitingForCredential, .throttled, .passedOver: nil
    }
  }
}
