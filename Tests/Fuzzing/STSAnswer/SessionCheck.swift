import Core
import FuzzSupport
import JSON
import Secrets

@testable import CloudAPI

/// What has to hold for an answer to AssumeRole, whatever it is.
struct SessionCheck {
  /// The HTTP status.
  let status: Int
  let response: STSResponse
  let now: UTCTime

  func check(_ body: [UInt8]) {
    switch response.assumedSession(from: body.span, now: now) {
    case .granted(let session): check(session)
    case .refused(let failure): check(failure)
    }
  }

  private func check(_ session: AssumedSession) {
    require(status == 200, "a session with status \(status)")
    require(session.expiration > now, "a session that has expired")
    require(isPlain(session.accessKeyID, most: .max) && !session.accessKeyID.isEmpty, "an id that can't be logged")
    for secret in [session.accessKeySecret, session.securityToken] {
      require(secret.count > 0, "an empty secret")
      secret.withBytes { bytes in require(bytes.isCredentialText, "a secret that breaks what it is written into") }
    }
    guard let again = response.assumedSession(from: written(session).span, now: now).granted else {
      return require(false, "a session is refused when it is written again")
    }
    require(again.accessKeyID == session.accessKeyID, "another id when written again")
    require(again.accessKeySecret.hasSameBytes(as: session.accessKeySecret), "another secret when written again")
    require(again.securityToken.hasSameBytes(as: session.securityToken), "another token when written again")
    require(again.expiration == session.expiration, "another expiration when written again")
    require(again.requestID == session.requestID, "another request id when written again")
  }

  private func check(_ failure: Failure) {
    require(isPlain(failure.code, most: 64) && !failure.code.isEmpty, "a code that can't be logged: \(failure.code)")
    require(
      failure.requestID.map { isPlain($0, most: 128) && !$0.isEmpty } ?? true, "a request id that can't be logged")
    require(!failure.advice.isEmpty, "a failure without advice")
    require(failure.httpStatus == status, "a failure with another status")
    if case .throttled(let wait?) = failure.kind {
      require(wait >= .zero && wait <= .minutes(5), "a wait of \(wait)")
    }
  }

  private func written(_ session: AssumedSession) -> [UInt8] {
    var json = JSONWriter([UInt8]())
    json.object { json in
      if let id = session.requestID { json.member("RequestId", id) }
      json.key("Credentials")
      json.object { json in
        json.member("Expiration", session.expiration.description)
        json.member("AccessKeyId", session.accessKeyID)
        json.key("AccessKeySecret")
        session.accessKeySecret.withBytes { json.string(utf8: $0) }
        json.key("SecurityToken")
        session.securityToken.withBytes { json.string(utf8: $0) }
      }
    }
    return json.finish()
  }
}
