package import Settings
import SocketAPI

/// Why a start failed.
package struct StartFailure {
  let problem: StartProblem
  /// Whether another start may succeed though nobody has done anything.
  package let canPass: Bool
  /// What remains to be logged.
  package let reason: String?
  /// What systemctl(1) shows of the service once it has ended.
  package let lastStatus: String

  /// Of settings that can't be used; the journal has what is wrong with them.
  package init(_ loaded: LoadedSettings) {
    problem = StartProblem(loaded.errors)
    canPass = loaded.isFailurePassing
    reason = nil
    lastStatus =
      canPass
      ? "the settings can't be used now, systemd tries again every second; the journal says why"
      : "the settings are bad; sudo rolekeeper check says what is wrong"
  }

  /// Of a daemon that couldn't start with good settings. A socket in another daemon's hands, say, may be free in a moment: that end is
  /// started again after, unlike bad settings.
  package init(_ error: any Error) {
    canPass = !StartCheck.isForPerson(error)
    let reason = canPass ? "\(error); systemd tries again every second" : "\(error)"
    problem = StartProblem(place: nil, errors: ["\(error)"])
    self.reason = reason
    lastStatus = "fatal error, exiting: \(reason)"
  }
}

extension StartProblem {
  init(_ errors: [Diagnostic]) {
    self.init(place: errors.first?.place.description, errors: errors.map(\.description))
  }
}
