package import Core
package import Secrets

/// Signs requests to OSS with one credential, by headers.
///
/// A signer can be used as long as its credential is valid: V4 derives a key from the secret once per day, not per request.
package final class OSSSigner {
  package let version: OSSSignature.Version
  package let keyID: String
  let secret: Secret
  let securityToken: Secret?
  /// The key that V4 signs with, and its day (`YYYYMMDD`).
  private var derived: (day: String, key: Secret)?

  /// `securityToken` is nil when the key is a long-lived one.
  package init(_ version: OSSSignature.Version, keyID: String, secret: Secret, securityToken: Secret?) {
    self.version = version
    self.keyID = keyID
    self.secret = secret
    self.securityToken = securityToken
  }

  /// `date` is the server's time as far as it is known; OSS accepts a difference of 15 minutes.
  package func sign(_ request: OSSSignature.Request, at date: UTCTime) -> OSSSignature.Signed {
    switch version {
    case .v1: signV1(request, at: date)
    case .v4(let region): signV4(request, at: date, region: region)
    }
  }

  func signed(
    _ request: OSSSignature.Request, adding own: [(name: String, value: String)], authorization: String
  ) -> OSSSignature.Signed {
    var lines = (request.headers + own).map { String(joining: $0.name, ": ", $0.value) }
    lines.append(String(joining: "Authorization: ", authorization))
    return OSSSignature.Signed(headerLines: lines, securityToken: securityToken)
  }

  /// V4's key, derived from the secret, a day, the region and the service.
  func derivedKey(day: String, region: String) -> Secret {
    if let derived, derived.day == day { return derived.key }
    var start = SecretBuffer(capacity: 128)
    start.append("aliyun_v4")
    start.append(secret)
    var key = start.finish()
    for part in [day, region, OSSSignatureV4.service, OSSSignatureV4.terminator] {
      key = Digest.keyByHMACSHA256(part, key: key)
    }
    derived = (day, key)
    return key
  }
}
