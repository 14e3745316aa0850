/// An error in the cloud's wording: HTTP status, code and message.
package struct Refusal: Error, Sendable, Equatable {
  package let status: Int
  package let code: String
  package let message: String

  package init(status: Int, code: String, message: String) {
    self.status = status
    self.code = code
    self.message = message
  }
}

// Errors of the STS operations (AssumeRole and "STS error codes" in the vendor's API reference).
extension Refusal {
  static func wronglyFormed(_ parameter: String) -> Refusal {
    Refusal(
      status: 400, code: "InvalidParameter.\(parameter)", message: "The parameter \(parameter) is wrongly formed.")
  }

  // The text still has a maximum of one hour, although a role may allow up to twelve.
  static let durationSeconds = Refusal(
    status: 400, code: "InvalidParameter.DurationSeconds",
    message: "The Min/Max value of DurationSeconds is 15min/1hr.")

  static let policyGrammar = Refusal(
    status: 400, code: "InvalidParameter.PolicyGrammar",
    message: "The parameter Policy has not passed grammar check.")

  static let policySize = Refusal(
    status: 400, code: "InvalidParameter.PolicySize", message: "The size of Policy must be smaller than 2048 bytes.")

  static let contentType = Refusal(
    status: 400, code: "InvalidParameter.ContentType",
    message: "The ContentType request header must be either \"application/json\" or "
      + "\"application/x-www-form-urlencoded\".")

  static let notAuthorized = Refusal(
    status: 403, code: "NoPermission",
    message: "You are not authorized to do this action. You should be authorized by RAM.")

  static let rootMayNotAssume = Refusal(
    status: 403, code: "NoPermission", message: "Roles may not be assumed by root accounts.")

  static let roleDoesNotTrust = Refusal(
    status: 403, code: "NoPermission",
    message: "No permission perform sts:AssumeRole on this Role. Maybe you are not authorized to perform "
      + "sts:AssumeRole or the specified role does not trust you.")

  // The vendor's text has a blank before the full stop.
  static let noSuchRole = Refusal(
    status: 404, code: "EntityNotExist.Role", message: "The specified Role not exists .")

  static let internalError = Refusal(
    status: 500, code: "InternalError",
    message: "STS Server Internal Error happened, please send the RequestId to us.")
}

// Errors of AssumeRoleWithOIDC; codes and texts from "STS error codes".
extension Refusal {
  static let noFederatedPermission = Refusal(
    status: 401, code: "AuthenticationFail.NoPermission", message: "There is no permission")
  static let noSuchOIDCProvider = Refusal(
    status: 401, code: "AuthenticationFail.NoPermission", message: "No such OIDC Provider registered.")
  static let audience = Refusal(
    status: 401, code: "AuthenticationFail.OIDCToken.AudienceNotMatch", message: "Invalid audience.")
  static let oidcTokenExpired = Refusal(
    status: 401, code: "AuthenticationFail.OIDCToken.Expired", message: "This JsonWebToken is expired.")
  static let oidcSignature = Refusal(
    status: 401, code: "AuthenticationFail.OIDCToken.InvalidSignature",
    message: "OIDC token validate failed: invalid signature.")

  static func oidcToken(_ message: String) -> Refusal {
    Refusal(status: 401, code: "AuthenticationFail.OIDCToken.Invalid", message: message)
  }

  static let emptyOIDCToken = oidcToken("The OIDCToken can not empty.")
  static let oidcTokenParts = oidcToken("The number of Jwt field should be divided into 3 parts with '.' .")
  static let oidcTokenCoding = oidcToken("Cannot decode base64 encoded response(format invalided).")
  static let oidcTokenContent = oidcToken("The Jwt content is invalid that cannot be recognized.")
}

// The gateway's errors, before an operation is reached.
extension Refusal {
  static let unknownAccessKey = Refusal(
    status: 404, code: "InvalidAccessKeyId.NotFound", message: "Specified access key is not found.")

  static let inactiveAccessKey = Refusal(
    status: 400, code: "InvalidAccessKeyId.Inactive", message: "Specified access key is disabled.")

  // Clients compare the text after `is:` with their own, to distinguish a wrong secret from a wrong canonical form.
  static func signatureMismatch(stringToSign: String) -> Refusal {
    Refusal(
      status: 400, code: "SignatureDoesNotMatch",
      message: "Specified signature is not matched with our calculation. server string to sign is:\(stringToSign)")
  }

  static func incompleteSignature(stringToSign: String = "") -> Refusal {
    Refusal(
      status: 400, code: "IncompleteSignature",
      message: "The request signature does not conform to Aliyun standards. server string to sign is:\(stringToSign)")
  }

  static let nonceUsed = Refusal(
    status: 400, code: "SignatureNonceUsed", message: "Specified signature nonce was used already.")

  static let timeExpired = Refusal(
    status: 400, code: "InvalidTimeStamp.Expired", message: "Specified time stamp or date value is expired.")

  static let timeFormat = Refusal(
    status: 400, code: "InvalidTimeStamp.Format", message: "Specified time stamp or date value is not well formatted.")

  static let tokenExpired = Refusal(
    status: 400, code: "InvalidSecurityToken.Expired", message: "Specified SecurityToken is expired.")

  static let tokenMalformed = Refusal(
    status: 400, code: "InvalidSecurityToken.Malformed", message: "Specified SecurityToken is malformed.")

  static let tokenMismatch = Refusal(
    status: 400, code: "InvalidSecurityToken.MismatchWithAccessKey",
    message: "Specified SecurityToken mismatch with the AccessKey.")

  static func missing(_ name: String) -> Refusal {
    Refusal(status: 400, code: "Missing\(name)", message: "\(name) is mandatory for this action.")
  }

  static let missingSecurityToken = missing("SecurityToken")

  static let noSuchAction = Refusal(
    status: 404, code: "InvalidAction.NotFound",
    message: "Specified api is not found, please check your url and method.")

  static let noSuchAPI = Refusal(
    status: 404, code: "InvalidApi.NotFound",
    message: "Specified api is not found, please check your url and method.")

  static let needsTLS = Refusal(
    status: 400, code: "InvalidProtocol.NeedSsl", message: "Your request is denied as lack of ssl protect.")

  static let userThrottled = Refusal(
    status: 400, code: "Throttling.User", message: "Request was denied due to user flow control.")

  static let apiThrottled = Refusal(
    status: 400, code: "Throttling.Api", message: "Request was denied due to user flow control.")

  static let throttled = Refusal(
    status: 400, code: "Throttling", message: "Request was denied due to request throttling.")

  static let unavailable = Refusal(
    status: 503, code: "ServiceUnavailable",
    message: "The request has failed due to a temporary failure of the server.")
}
