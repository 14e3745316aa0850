import Core

extension Failure {
  /// The same of a fetch for a reservation: what its length goes by is `max_duration`, which 'duration' has no part in.
  var ofReservation: Failure {
    guard code == "InvalidParameter.DurationSeconds" else { return self }
    return Failure(
      kind, code: code, httpStatus: httpStatus, requestID: requestID,
      advice: "raise the role's maximum session duration in the RAM console, or lower 'max_duration'")
  }
}
