/// Collects what is found, so that one run tells all of it.
final class Findings {
  private(set) var diagnostics: [Diagnostic] = []
  private(set) var hasErrors = false

  func error(_ place: Place, _ problem: String, _ remedy: String) {
    hasErrors = true
    diagnostics.append(Diagnostic(severity: .error, place: place, problem: problem, remedy: remedy))
  }

  func warning(_ place: Place, _ problem: String, _ remedy: String) {
    diagnostics.append(Diagnostic(severity: .warning, place: place, problem: problem, remedy: remedy))
  }

  func note(_ place: Place, _ problem: String, _ remedy: String) {
    diagnostics.append(Diagnostic(severity: .note, place: place, problem: problem, remedy: remedy))
  }
}
