import Core
import Glibc
import Upload

/// Why a run ends.
enum End: Equatable {
  /// Nothing is left to upload.
  case finished
  case signal(Int32)
  case credential(RoleCredential.Failure)
  /// Something that every file needs has failed; `fix` is what a person can do.
  case broken(String, fix: String)

  /// `isWatching` is whether the run continues until a signal comes; `leftUndone` whether files were in progress or
  /// waiting at the signal; `couldWrite` whether all output was written.
  func exitStatus(_ counts: ResultCounts, isWatching: Bool, leftUndone: Bool, couldWrite: Bool) -> Int32 {
    switch self {
    case .credential(.noDaemon): ExitStatus.noDaemon
    case .credential(.noRole), .credential(.severalRoles): ExitStatus.wrongUsage
    case .credential: ExitStatus.noCredential
    case .signal(let number) where !isWatching || leftUndone: ExitStatus.of(signal: number)
    case .broken: ExitStatus.failed
    case .finished, .signal:
      counts.troubled + counts.notStarted == 0 && couldWrite ? ExitStatus.done : ExitStatus.failed
    }
  }

  /// The error of the files in progress; nil if there are none. `hasBegun` is whether there has been a credential,
  /// without which no file is started; `wait` is how long one is waited for.
  func trouble(hasBegun: Bool, wait: Duration) -> UploadResult.Trouble? {
    let fix = hasBegun ? "run again; it goes on where it was" : "run again"
    return switch self {
    case .finished: nil
    case .signal(let number): .init(error: "interrupted by \(Self.name(of: number))", fix: fix)
    case .credential(.refused(let reason)):
      .init(
        error: "no credential: \(reason)", fix: "run again after that")
    case .credential(.noRole):
      .init(
        error: "no credential: \(RoleCredential.Failure.noRole)",
        fix: "an administrator can add you to a role's 'allow' in \(StandardPath.settings)")
    case .credential(.severalRoles(let names)):
      .init(error: "\(RoleCredential.Failure.severalRoles(names))", fix: "name one of them with --role")
    case .credential(let failure):
      .init(error: "no credential\(wait > .zero ? " within \(wait.text) (--wait)" : ""): \(failure)", fix: fix)
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
