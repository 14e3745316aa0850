/// Collects what is found, so that one run tells all of it.
final class Findings {
  private(set) var diagnostics: [Diagnostic] = []
  private(set) var hasErrors = false
  /// Whether somebody checks who may see less than the daemon.
  let isOutsiders: Bool

  init(isOutsiders: Bool = false) { self.isOutsiders = isOutsiders }

  func error(_ place: Place, _ problem: String, _ remedy: String) {
    hasErrors = true
    diagnostics.append(Diagnostic(severity: .error, place: place, problem: problem, remedy: remedy))
  }

  /// Reports an error that may be gone at the next reading: the daemon ends so that systemd starts it again.
  func passing(_ place: Place, _ problem: String, _ remedy: String) {
    hasErrors = true
    diagnostics.append(
      Diagnostic(
        severity: .error, place: place, problem: problem, remedy: "\(remedy); \(Self.retry)", isPassing: true))
  }

  private static let retry = "until then a start fails, and systemd tries again every second"

  /// Reports what can't be read, by the reason for that.
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

  /// Reports what this process may not look at: an error for who starts the daemon; somebody else's check says that it didn't look.
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
