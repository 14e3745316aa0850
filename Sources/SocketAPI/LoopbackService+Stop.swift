import Core
import Wire

extension LoopbackService {
  /// The address was taken out of the settings: waiting requests are answered before their connections end.
  package func stopListening() {
    endWaiting(
      Answer.problem(
        Problem(
          .stopping, detail: "the settings don't have this address any more", retryAfter: .seconds(1))))
  }
}
