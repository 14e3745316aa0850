package import Core

/// The meaning of the codes of STS and its gateway: the class of failure, and what a person can do.
///
/// The codes are those of the STS API reference (AssumeRole, error codes) and of the vendor's pages on common errors. A row is
/// found by its full code, otherwise by the family before the first dot or the word it begins with, otherwise by the answer's HTTP
/// status.
package enum ErrorTable {
  package struct Row: Sendable {
    enum Match: Sendable {
      /// This code, and if given, a message that contains these words. The message is examined, never kept.
      case code(String, containing: String? = nil)
      /// All codes with this beginning.
      case family(String)
    }

    let match: Match
    package let kind: Failure.Kind
    package let advice: String
    /// Whether the AccessKey itself is the problem, so that reading its file again may help.
    package let blamesAccessKey: Bool

    init(_ match: Match, _ kind: Failure.Kind, _ advice: String, blamesAccessKey: Bool = false) {
      self.match = match
      self.kind = kind
      self.advice = advice
      self.blamesAccessKey = blamesAccessKey
    }
  }

  /// The placeholder in an advice for where to put another key; `Failure.naming(keyPlace:)` replaces it.
  static let keyPlace = "the source's file or credential"

  static let rows: [Row] = [
    // AssumeRole
    Row(.code("InvalidParameter.RoleArn"), .permanent, "write 'role_arn' as acs:ram::ACCOUNT:role/NAME"),
    Row(
      .code("InvalidParameter.RoleSessionName"), .permanent,
      "write 'session_name' so that it comes to 2 to 64 of A-Z a-z 0-9 . @ - _"),
    Row(
      .code("InvalidParameter.ExternalId"), .permanent,
      "write 'external_id' with 2 to 1224 letters, digits or _+=,.@:/-"),
    Row(
      .code("InvalidParameter.DurationSeconds"), .permanent,
      "raise the role's maximum session duration in the RAM console, or lower 'duration'"),
    Row(.code("InvalidParameter.PolicyGrammar"), .permanent, "fix the role's session policy ('policy_file')"),
    Row(
      .code("InvalidParameter.PolicySize"), .permanent,
      "shorten the role's session policy ('policy_file') to less than 2048 bytes"),
    Row(.code("InvalidParameter.ContentType"), .permanent, "report this with the request id"),
    Row(
      .code("NoPermission", containing: "root account"), .permanent,
      "put the AccessKey of a RAM user into \(keyPlace); an account's own key can't assume roles"),
    Row(
      .code("NoPermission"), .permanent,
      "allow the RAM user that signs, or its account, in the role's trust policy, and give that user AliyunSTSAssumeRoleAccess"
    ),
    Row(.code("EntityNotExist.Role"), .permanent, "create the role in the RAM console, or correct 'role_arn'"),

    // The gateway in front of it
    Row(
      .code("InvalidAccessKeyId.NotFound"), .permanent,
      "put an AccessKey that exists into \(keyPlace)", blamesAccessKey: true),
    Row(
      .code("InvalidAccessKeyId.Inactive"), .permanent,
      "enable the AccessKey in the RAM console; or put another into \(keyPlace)", blamesAccessKey: true),
    Row(
      .family("InvalidAccessKeyId"), .permanent,
      "check the AccessKey of the source in the RAM console; or put another into \(keyPlace)", blamesAccessKey: true),
    Row(
      .code("SignatureDoesNotMatch"), .permanent,
      "put the AccessKey id with the secret that belongs to it into \(keyPlace)", blamesAccessKey: true),
    Row(
      .code("IncompleteSignature"), .permanent,
      "look for a proxy between here and STS that changes requests, then report this with the request id"),
    Row(.code("SignatureNonceUsed"), .nonceUsed, "nothing; the request is sent again with a new nonce"),
    Row(.code("InvalidTimeStamp.Expired"), .skew, "set this host's clock; STS allows 15 minutes of difference"),
    Row(.code("InvalidTimeStamp.Format"), .permanent, "report this with the request id"),
    Row(.family("InvalidTimeStamp"), .permanent, "report this with the request id"),
    Row(.code("InvalidSecurityToken.Expired"), .identityLapsed, "nothing; the source's own credential is renewed"),
    Row(
      .code("InvalidSecurityToken.Malformed"), .identityLapsed,
      "check the source's own credential; its security token is damaged"),
    Row(
      .code("InvalidSecurityToken.MismatchWithAccessKey"), .identityLapsed,
      "check the source's own credential; its security token belongs to another key"),
    Row(.family("InvalidSecurityToken"), .identityLapsed, "check the source's own credential"),
    Row(
      .code("MissingSecurityToken"), .permanent,
      "put the AccessKey of a RAM user into \(keyPlace); this one is temporary and lacks its token"),
    // Codes of calls signed with an identity token (STS API reference, AssumeRoleWithOIDC, error codes), and of their families.
    Row(
      .code("AuthenticationFail.OIDCToken.Expired"), .identityLapsed,
      "nothing; the source's own identity token is renewed"),
    Row(
      .code("AuthenticationFail.OIDCToken.Invalid"), .permanent,
      "check the source's identity token; it is empty, damaged or of an unknown algorithm"),
    Row(
      .code("AuthenticationFail.OIDCToken.InvalidSignature"), .permanent,
      "check that the identity token comes from the issuer of the identity provider in RAM, and that the provider has its present keys"
    ),
    Row(
      .code("AuthenticationFail.OIDCToken.AudienceNotMatch"), .permanent,
      "add the identity token's audience to the client ids of the identity provider in RAM"),
    Row(
      .code("AuthenticationFail.OIDCToken.HttpsUrlInvalid"), .permanent,
      "check the certificate chain at the issuer's URL, and the fingerprints of the identity provider in RAM"),
    Row(
      .code("AuthenticationFail.NoPermission"), .permanent,
      "name the identity provider in the role's trust policy, and check that the provider exists"),
    Row(
      .family("AuthenticationFail"), .permanent,
      "STS doesn't accept who signs; check the identity of the source in the RAM console"),
    Row(
      .family("Forbidden"), .permanent,
      "the account forbids this call; look at the RAM user's policies, and ask whoever manages the account about control policies and its state"
    ),
    Row(.family("Missing"), .permanent, "report this with the request id"),
    Row(.family("InvalidParameter"), .permanent, "check the settings of the role; STS refuses one of them"),
    Row(
      .code("InvalidApi.NotFound"), .permanent,
      "check 'endpoint' or 'regions' in [sts]; what answers there doesn't know this call"),
    Row(
      .code("InvalidAction.NotFound"), .permanent,
      "check 'endpoint' or 'regions' in [sts]; what answers there doesn't know this call"),
    Row(
      .code("InvalidProtocol.NeedSsl"), .permanent,
      "check 'endpoint' or 'regions' in [sts], and proxies that take TLS away"),
    Row(
      .family("Throttling"), .throttled(wait: nil),
      "lower 'requests_per_second' in [sts], or write more 'regions'; all callers of the account share 100 AssumeRole calls per second in each region"
    ),
    Row(.family("InternalError"), .transient, stsFails),
    Row(.family("ServiceUnavailable"), .transient, stsFails),
  ]

  /// In place of an advice to call less often, for a host among others that share the account's quota: it does so by itself.
  static let adviceInFleet =
    "the account's quota of AssumeRole is used up; the daemon takes its share of it (fleet_size in [sts]) and goes on by itself"

  private static let stsFails =
    "STS itself fails, and the daemon tries again by itself; if it lasts, give the request id to the vendor's support"

  /// The row for a code, or for the status if no row has the code.
  package static func row(forCode code: String, message: String? = nil, httpStatus: Int) -> Row {
    known(code, message: message) ?? unknown(httpStatus: httpStatus)
  }

  private static func known(_ code: String, message: String?) -> Row? {
    rows.first { row in
      guard case .code(code, let words) = row.match else { return false }
      return words.map { message?.contains($0) ?? false } ?? true
    }
      ?? rows.first { row in
        guard case .family(let start) = row.match else { return false }
        return code.hasPrefix(start)
      }
  }

  private static func unknown(httpStatus: Int) -> Row {
    switch httpStatus {
    case 429:
      Row(.family(""), .throttled(wait: nil), "lower 'requests_per_second' in [sts], or write more 'regions'")
    case 400..<500: Row(.family(""), .permanent, "look the code up in the vendor's list of STS error codes")
    default:
      Row(
        .family(""), .transient,
        "the daemon tries again by itself; if it lasts, check 'endpoint' or 'regions' in [sts] and proxies on the way")
    }
  }
}

extension Failure {
  /// This failure as it is to be reported on a host among others that share the account's quota.
  package var inFleet: Failure {
    guard case .throttled = kind else { return self }
    return Failure(
      kind, code: code, httpStatus: httpStatus, requestID: requestID, notBefore: notBefore,
      advice: ErrorTable.adviceInFleet)
  }

  /// Whether STS knows the signer and refuses it this action: then the key's owner is half of the explanation.
  package var concernsSigner: Bool {
    code == "NoPermission" || code == "Forbidden" || code.hasPrefix("Forbidden.")
  }

  /// The same failure with the key's owner; unchanged if that isn't known.
  package func naming(_ signer: CallerIdentity?) -> Failure {
    guard concernsSigner, let arn = signer?.arn, !advice.contains(arn) else { return self }
    return Failure(
      kind, code: code, httpStatus: httpStatus, requestID: requestID, notBefore: notBefore,
      advice: "\(advice); the AccessKey is that of '\(arn)'")
  }

  /// The advice if it was the session of a role that signed, `policy_file` and all.
  package func adviceForSession(of role: some CustomStringConvertible) -> String {
    let advice = advice.replacing("the RAM user that signs", with: "the role that signs")
      .replacing("that user", with: "that role")
    return
      "\(advice); if '\(role)' has a policy_file, allow sts:AssumeRole there, too; the session of role '\(role)' signs"
  }

  /// The same failure with `keyPlace` in an advice that asks for another key: where it goes, and how it is read.
  package func naming(keyPlace: String) -> Failure {
    guard advice.contains(ErrorTable.keyPlace) else { return self }
    return Failure(
      kind, code: code, httpStatus: httpStatus, requestID: requestID, notBefore: notBefore,
      advice: advice.replacing(ErrorTable.keyPlace, with: keyPlace))
  }

  /// Whether the AccessKey is the problem (unknown, disabled, or its secret wrong): reading its file again may help.
  package var blamesAccessKey: Bool {
    ErrorTable.row(forCode: code, httpStatus: httpStatus ?? 500).blamesAccessKey
  }
}
