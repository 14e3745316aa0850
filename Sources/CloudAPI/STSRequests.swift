package import Core

/// AssumeRole (STS API reference, 2015-04-01): turns the signer into a session of a role.
package struct AssumeRoleRequest {
  package var roleARN: RoleARN
  /// 2 to 64 of `A-Z a-z 0-9 . @ - _`.
  package var sessionName: String
  /// DurationSeconds: 900 s up to the role's MaxSessionDuration; a fraction is truncated.
  package var duration: Duration
  /// The session policy, minified, less than 2048 bytes; nil grants all of the role's permissions.
  package var policy: String?
  package var externalID: String?
  /// 2 to 64 of `A-Z a-z 0-9 _ + = , . @ -`, not beginning with `acs:`, `aliyun:` or `alibabacloud:`.
  package var sourceIdentity: String?

  package init(
    roleARN: RoleARN, sessionName: String, duration: Duration, policy: String? = nil, externalID: String? = nil,
    sourceIdentity: String? = nil
  ) {
    self.roleARN = roleARN
    self.sessionName = sessionName
    self.duration = duration
    self.policy = policy
    self.externalID = externalID
    self.sourceIdentity = sourceIdentity
  }

  package func signed(by identity: SigningIdentity, in context: RequestContext) -> SignedRequest {
    var query: [(name: String, value: String)] = [
      ("DurationSeconds", String(duration.wholeSeconds)), ("RoleArn", roleARN.description),
      ("RoleSessionName", sessionName),
    ]
    if let policy { query.append(("Policy", policy)) }
    if let externalID { query.append(("ExternalId", externalID)) }
    if let sourceIdentity { query.append(("SourceIdentity", sourceIdentity)) }
    return SignedRequest(
      action: "AssumeRole", version: APIVersion.sts, query: query, identity: identity, context: context)
  }
}

/// GetCallerIdentity: the signer's identity. Needs no permission, so it distinguishes a wrong key from a missing permission.
package struct GetCallerIdentityRequest {
  package init() {}

  package func signed(by identity: SigningIdentity, in context: RequestContext) -> SignedRequest {
    SignedRequest(action: "GetCallerIdentity", version: APIVersion.sts, query: [], identity: identity, context: context)
  }
}
