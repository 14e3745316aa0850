/// Something to show of a batch as it goes on. `file` tells files apart; events of one begin with `started`.
package enum UploadEvent: Equatable, Sendable {
  case started(file: Int, path: String, size: Int64)
  /// An earlier run has got this far.
  case resumed(file: Int, bytes: Int64)
  /// VOD has created the video.
  case created(file: Int, VideoRecord)
  /// So many bytes of it have been sent, of all: what has to be sent again isn't counted twice.
  case progress(file: Int, bytes: Int64)
  /// The upload's credential was renewed.
  case refreshed(file: Int, requestID: String)
  /// `part` is nil for a single PUT, `call` for a request to OSS; `wait` is until the next try.
  case retried(file: Int, part: Int?, call: String? = nil, error: String, wait: Duration)
  /// The upload begins again: OSS has forgotten it.
  case restarted(file: Int)
  /// There is no credential, so nothing can begin.
  case waitingForCredential(error: String)
  /// VOD wants fewer calls.
  case throttled(code: String, wait: Duration)
  /// `seconds` are those of this run, and 0 where it had nothing to do: an earlier one had finished the file.
  case finished(file: Int, UploadResult, seconds: Double)
  /// What isn't uploaded, or can't be read.
  case passedOver(InputEntry)
  /// A remark on a file, or with `file` nil on the batch as a whole.
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
