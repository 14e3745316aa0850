/// Collects the findings, so that one run reports all of them.
final class Findings {
  private(set) var diagnostics: [Diagnostic] = []
  private(set) var hasErrors = false
  /// Whether this process may see less than the daemon.
  let isOutsiders: Bool

  /// What becomes of a start for as long as an error lasts that may pass.
  private let retry: String

  /// `staysUp` is whether the daemon gets a socket from the service manager, so that it doesn't end when it can't start.
  init(isOutsiders: Bool = false, staysUp: Bool = false) {
    self.isOutsiders = isOutsiders
    retry =
      staysUp
      ? "until then a start fails, and the daemon tries again by itself"
      : "until then a start fails, and systemd tries again every second"
  }

  func error(_ place: Place, _ problem: String, _ remedy: String) {
    hasErrors = true
    diagnostics.append(Diagnostic(severity: .error, place: place, problem: problem, remedy: remedy))
  }

  /// Reports an error that may be gone at the next reading: the start is tried again by itself.
  func passing(_ place: Place, _ problem: String, _ remedy: String) {
    hasErrors = true
    diagnostics.append(
      Diagnostic(
        severity: .error, place: place, problem: problem, remedy: "\(remedy); \(retry)", isPassing: true))
  }

  /// Reports a file that can't be read, with a severity that depends on the reason.
  func unreadable(_ place: Place, _ problem: String, _ remedy: String, _ error: HostError) {
    switch error {
    case .denied: denied(place, problem, remedy)
    case .passing: passing(place, problem, remedy)
    case .missing, .notAFile, .tooLarge, .other: self.error(place, problem, remedy)
    }
  }

  func warning(_ place: Place, _ problem: String, _ remedy: String) {
    diagnostics.append(Diagnostic(severity: .warning, place: place, problem: problem, remedy: remedy))
  }

  /// Reports a file that this process may not read: an error in the daemon; a note in a check by another user.
  func denied(_ place: Place, _ problem: String, _ remedy: String) {
    if isOutsiders { note(place, problem, Self.askRoot) } else { error(place, problem, remedy) }
  }

  static let askRoot = "run: sudo rolekeeper check"

  func add(_ finding: StartTrials.Finding?, at place: Place) {
    guard let finding else { return }
    if finding.isDenied { return denied(place, finding.problem, finding.remedy) }
    switch finding.severity {
    case .error: error(place, finding.problem, finding.remedy)
    case .warning: warning(place, finding.problem, finding.remedy)
    case .note: note(place, finding.problem, finding.remedy)
    }
  }

  func note(_ place: Place, _ problem: String, _ remedy: String) {
    diagnostics.append(Diagnostic(severity: .note, place: place, problem: problem, remedy: remedy))
  }
}
