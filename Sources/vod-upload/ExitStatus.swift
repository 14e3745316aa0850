import Glibc
import Upload

/// How the program ends, as its help and docs/vod-upload.md document it.
enum ExitStatus {
  static let done: Int32 = 0
  static let failed: Int32 = 1
  static let wrongUsage: Int32 = 2
  static let noDaemon: Int32 = 3
  static let noCredential: Int32 = 4

  /// The shell's number for an end by that signal.
  static func of(signal: Int32) -> Int32 { 128 + signal }

  /// One status and what it means to whoever runs the program.
  struct Entry: Hashable {
    let status: String
    let meaning: String
  }

  static let entries = [
    Entry(status: "0", meaning: "every file is uploaded, or VOD confirms that it has it"),
    Entry(
      status: "1",
      meaning:
        "a file failed or isn't confirmed, or the journal, the report or stdout can't be used; the table or stderr says why"
    ),
    Entry(status: "2", meaning: "wrong usage; nothing was sent"),
    Entry(status: "3", meaning: "the daemon can't be reached within --wait"),
    Entry(status: "4", meaning: "the daemon has no credential within --wait, or doesn't let this user read the role"),
    Entry(
      status: "129, 130, 143",
      meaning:
        "ended by SIGHUP, SIGINT or SIGTERM, in order; with --watch, where a signal is the usual end, 0 or 1 instead"
    ),
  ]
}

/// Why a run ends.
enum End: Equatable {
  /// Nothing is left to upload.
  case finished
  case signal(Int32)
  case credential(RoleCredential.Failure)
  /// Something that no file can do without is broken; `fix` is what a person can do.
  case broken(String, fix: String)

  /// `isWatching` is whether the run goes on until a signal comes; `couldWrite` whether all output was written.
  func exitStatus(_ counts: ResultCounts, isWatching: Bool, couldWrite: Bool) -> Int32 {
    switch self {
    case .credential(.noDaemon): ExitStatus.noDaemon
    case .credential: ExitStatus.noCredential
    case .signal(let number) where !isWatching: ExitStatus.of(signal: number)
    case .broken: ExitStatus.failed
    case .finished, .signal:
      counts.troubled + counts.notStarted == 0 && couldWrite ? ExitStatus.done : ExitStatus.failed
    }
  }

  /// What becomes of the files that are on their way; nil when there are none.
  var trouble: UploadResult.Trouble? {
    let fix = "run again; it goes on where it was"
    return switch self {
    case .finished: nil
    case .signal(let number): .init(error: "interrupted by \(Self.name(of: number))", fix: fix)
    case .credential(.refused(let reason)):
      .init(error: "no credential: \(reason)", fix: "have an administrator let this user read the role, and run again")
    case .credential(let failure): .init(error: "no credential: \(failure)", fix: fix)
    case .broken(let why, let fix): .init(error: why, fix: fix)
    }
  }

  private static func name(of signal: Int32) -> String {
    switch signal {
    case SIGHUP: "SIGHUP"
    case SIGINT: "SIGINT"
    default: "SIGTERM"
    }
  }
}
