import Core

/// The result of a file in this run.
package enum UploadResult: Equatable, Sendable {
  /// OSS answered with the right CRC64.
  case uploaded
  /// VOD reports that it has the file; the CRC isn't known.
  case confirmed
  /// OSS has accepted the whole file without reporting a CRC64, which was permitted.
  case unchecked
  /// It isn't known whether the video exists.
  case unconfirmed(Trouble)
  case failed(Trouble)
  case skipped(SkipReason)
  /// The run ended before the file was started.
  case notStarted
  /// The same, for a watched file that hadn't been unchanged for this long.
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

  /// The error as tables and reports show it, which also have a reason for a file that wasn't started.
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
  /// The result of an entry that isn't uploaded; nil for a file to upload.
  package var result: UploadResult? {
    switch content {
    case .file: nil
    case .duplicate(_, let original): .skipped(.duplicate(of: original))
    case .skipped(let reason): .skipped(reason)
    case .failed(let problem): .failed(.init(error: problem.description, fix: problem.fix))
    }
  }
}
