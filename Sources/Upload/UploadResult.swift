import Core

/// How a file ended in this run.
package enum UploadResult: Equatable, Sendable {
  /// OSS answered with the right CRC64.
  case uploaded
  /// VOD says it has the file; its CRC wasn't seen.
  case confirmed
  /// OSS took all of it and named no CRC64, which was allowed.
  case unchecked
  /// Whether the video is there isn't known.
  case unconfirmed(Trouble)
  case failed(Trouble)
  case skipped(SkipReason)
  /// The run ended before.
  case notStarted
  /// The same of a watched file that hadn't been unchanged for so long.
  case unsettled(Duration)

  package struct Trouble: Equatable, Sendable {
    /// What happened, without the file's name: `NoPermission (HTTP 403, request 5F2C…)`.
    package var error: String
    /// What a person can do.
    package var fix: String

    package init(error: String, fix: String) {
      self.error = error
      self.fix = fix
    }
  }

  /// The word for it in reports and events.
  package var status: String {
    switch self {
    case .uploaded: "uploaded"
    case .confirmed: "confirmed"
    case .unchecked: "uploaded-unchecked"
    case .unconfirmed: "not-confirmed"
    case .failed: "failed"
    case .skipped: "skipped"
    case .notStarted, .unsettled: "not-started"
    }
  }

  package var trouble: Trouble? {
    switch self {
    case .unconfirmed(let trouble), .failed(let trouble): trouble
    default: nil
    }
  }

  /// The same as tables and reports show it, which also explain why a file wasn't begun.
  var reportedTrouble: Trouble? {
    switch self {
    case .notStarted: Trouble(error: "the run ended before its turn", fix: "run again")
    case .unsettled(let settle):
      Trouble(error: "the run ended before it had been unchanged for \(settle.text)", fix: "run again")
    default: trouble
    }
  }

  package var isNotStarted: Bool { status == "not-started" }

  package var isSuccess: Bool { self == .uploaded || self == .confirmed || self == .unchecked }
}

extension InputEntry {
  /// The result of what isn't a file to be uploaded; nil of one that is.
  package var result: UploadResult? {
    switch content {
    case .file: nil
    case .duplicate(_, let original): .skipped(.duplicate(of: original))
    case .skipped(let reason): .skipped(reason)
    case .failed(let problem): .failed(.init(error: problem.description, fix: problem.fix))
    }
  }
}
