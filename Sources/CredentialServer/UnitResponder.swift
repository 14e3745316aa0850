package import Secrets

/// Makes the decision on each unit's request, and answers through a `UnitAnswers`, at once or later.
package protocol UnitResponder: AnyObject {
  func requested(_ request: UnitRequest, from answers: any UnitAnswers)
  /// The peer of an unanswered request has closed the connection.
  func abandoned(_ request: UnitRequest)
  /// The number of unanswered requests.
  var waitingCount: Int { get }
}

/// Takes the answers to requests, one for each.
package protocol UnitAnswers: AnyObject {
  func hand(_ credential: Secret, to request: UnitRequest)
  func refuse(_ request: UnitRequest)
}

/// Refuses every unit while the daemon has no valid settings.
package final class UnitRejection: UnitResponder {
  /// The first error in the settings.
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
