import Core
import FuzzSupport

@testable import CloudAPI

/// What comes back from STS. The input's first three lines are the HTTP status, `x-acs-retry-after` (an empty line when
/// absent) and `Date`; the rest is the body.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  var rest = UnsafeBufferPointer(start: data, count: size)[...]
  let status = Int(takeLine(&rest)) ?? 200
  let retryAfter = takeLine(&rest)
  let date = takeLine(&rest)
  DateCheck.check(date)
  let now = UTCTime(httpDate: date) ?? UTCTime(seconds: 1_767_323_045)

  let response = STSResponse(httpStatus: status, retryAfter: retryAfter.isEmpty ? nil : retryAfter)
  let body = Array(rest)
  SessionCheck(status: status, response: response, now: now).check(body)
  if let identity = response.callerIdentity(from: body.span).granted {
    require(status == 200, "an identity with status \(status)")
    require(isPlain(identity.arn, most: 256), "an identity that can't be logged")
  }
  requireJSONIdentity(of: body.span)
  return 0
}
