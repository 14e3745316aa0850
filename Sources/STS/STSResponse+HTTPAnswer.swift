import CloudAPI
import Core
import HTTPClient

extension STSResponse {
  /// `now` is the reference for a date in `Retry-After` if the answer has no `Date` of its own.
  init(_ answer: HTTPAnswer, now: UTCTime) {
    let notBefore = answer.standardRetryAfter.flatMap {
      RetryAfter.wait($0, saidAt: answer.date.flatMap { UTCTime(httpDate: $0) } ?? now)
    }
    self.init(httpStatus: answer.status, retryAfter: answer.retryAfter, notBefore: notBefore)
  }
}
