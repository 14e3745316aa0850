package import Secrets

/// Decides on units' requests, and answers them by a `UnitAnswers`, at once or later.
package protocol UnitResponder: AnyObject {
  func requested(_ request: UnitRequest, from answers: any UnitAnswers)
  /// The peer of an unanswered request has left.
  func abandoned(_ request: UnitRequest)
  /// How many of the requests are unanswered.
  var waitingCount: Int { get }
}

/// Takes the answers of requests, each once.
package protocol UnitAnswers: AnyObject {
  func hand(_ credential: Secret, to request: UnitRequest)
  func refuse(_ request: UnitRequest)
}

/// Refuses every unit, while the daemon has no settings to serve by.
package final class UnitRejection: UnitResponder {
  /// The first error.
  package var error: String
  private let refusals: UnitRefusalLog

  package init(error: String, refusals: UnitRefusalLog) {
    self.error = error
    self.refusals = refusals
  }

  package var waitingCount: Int { 0 }

  package func requested(_ request: UnitRequest, from answers: any UnitAnswers) {
    refusals.note(.notServing(error: error), of: request)
    answers.refuse(request)
  }

  package func abandoned(_ request: UnitRequest) {}
}
