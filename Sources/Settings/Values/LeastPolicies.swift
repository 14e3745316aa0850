import Core
import JSON

/// The least policies in RAM with which the settings work: for each source, what its RAM user or role has to be allowed, and for each role
/// whom it has to trust.
///
/// It needs sts:AssumeRole on the roles and nothing else: GetCallerIdentity needs no permission (STS API reference). Whose
/// AccessKey a source has isn't known offline, so the user's name is a placeholder, which RAM accepts as no name.
package struct LeastPolicies {
  package struct Document: Hashable, Sendable {
    /// What it is and what to do with it, one line.
    package let heading: String
    /// One line of JSON.
    package let text: String
  }

  /// The sources' first, in the order of the settings, then the roles'; empty if there is no role.
  package let documents: [Document]
  /// Why there is none, or which roles aren't among them; nil if each role of the settings is.
  package let remark: String?

  /// CreatePolicy takes as many characters (RAM API reference).
  static let longestPolicy = 6144

  package init(_ settings: DaemonSettings) {
    documents =
      settings.sources.flatMap { Self.permissions(of: $0, settings.roles) } + Self.trusts(settings)
    remark = Self.remark(on: settings)
  }

  /// What a tier hands out is allowed to the tier.
  private static func remark(on settings: DaemonSettings) -> String? {
    if settings.roles.isEmpty { return "there is no role, so nothing has to be allowed" }
    let ofTier = settings.roles.filter { role in role.tier.map { $0.fallback == nil } ?? false }
    guard !ofTier.isEmpty else { return nil }
    let used = Set(ofTier.map(\.source))
    let names = settings.sources.map(\.name).filter { used.contains($0) }.map { "source.\($0)" }
    let tier = "from \(names.count == 1 ? "the tier of" : "the tiers of") \(names.joined(separator: " and "))"
    let there = "on the tier, the same command prints what its roles need"
    if settings.needsTiersAlone {
      return "each role comes \(tier), so this host needs no permission in RAM; \(there)"
    }
    let roles = ofTier.map { "'\($0.name)'" }.joined(separator: ", ")
    return ofTier.count == 1
      ? "role \(roles) comes \(tier) and needs no policy for this host; \(there)"
      : "roles \(roles) come \(tier) and need no policy for this host; \(there)"
  }

  // MARK: Who signs

  /// Who signs a source's requests, as a trust policy names it.
  private struct Signer: Hashable {
    /// For headings.
    let noun: String
    /// The ARN, with a placeholder for what isn't known.
    let name: String
    /// What to replace in the name; nil if it is known.
    let placeholder: String?
    /// The source's name, where a token of a provider stands in for a signature; nil for a user or role of RAM.
    var tokenOf: String?

    /// `account` is the one of the role that is assumed: where the signer belongs to another, that one replaces it.
    init(_ source: SourceSettings, _ roles: [RoleSettings], account: String) {
      let user = "<RAM user of source.\(source.name)>"
      switch source.kind {
      case .role(let lender):
        let arn = roles.first { $0.name == lender }?.arn?.description ?? "<ARN of role '\(lender)'>"
        (noun, name, placeholder) = ("role \(arn)", arn, nil)
      case .accessKey:
        (noun, name, placeholder) = (
          "RAM user whose AccessKey is source.\(source.name)", "acs:ram::\(account):user/\(user)", user
        )
      case .kms(let kms):
        (noun, name, placeholder) = (
          "RAM user whose AccessKey is in secret '\(kms.secret)' of KMS (source.\(source.name))",
          "acs:ram::\(account):user/\(user)", user
        )
      case .instanceRole(let instance):
        let role = "<RAM role of the instance, source.\(source.name)>"
        (noun, name, placeholder) = (
          "RAM role of the ECS instance (source.\(source.name))",
          "acs:ram::\(account):role/\(instance.roleName ?? role)", instance.roleName == nil ? role : nil
        )
      case .identityToken(let token):
        (noun, name, placeholder) = ("identity provider \(token.providerARN)", token.providerARN, nil)
        tokenOf = source.name
      case .credentialsURI:
        // An identity that the settings don't name.
        let identity = "<ARN of the RAM user or role of source.\(source.name)>"
        (noun, name, placeholder) = ("RAM user or role of source.\(source.name)", identity, identity)
      case .upstream:
        // The tier's, which signs there.
        let identity = "<ARN of what signs on the tier, source.\(source.name)>"
        (noun, name, placeholder) = ("RAM user or role of the tier (source.\(source.name))", identity, identity)
      }
    }

    /// What stands for the claims `aud` and `sub` of the token; nil where there is none.
    var claims: (audience: String, subject: String)? {
      tokenOf.map { ("<aud of the token of source.\($0)>", "<sub of the token of source.\($0)>") }
    }
  }

  // MARK: What a source may do

  private static func permissions(of source: SourceSettings, _ roles: [RoleSettings]) -> [Document] {
    let own = roles.filter { $0.signers.contains(source.name) }.compactMap(\.arn)
    let names = Set(own.map(\.description)).sorted()
    switch source.kind {
    // Who comes with a token has no policies: the role's trust policy alone decides. A tier prints its own.
    case .identityToken, .upstream: return []
    default: break
    }
    guard let first = own.first, !names.isEmpty else { return [] }
    let signer = Signer(source, roles, account: first.account)
    let parts = parts(of: names)
    let lender = source.role.flatMap { name in roles.first { $0.name == name } }
    let besides = lender?.policy == nil ? "" : "; its session policy ('policy_file') has to allow the same"
    return parts.enumerated().map { index, names in
      let part =
        parts.count == 1 ? "" : " \(index + 1) of \(parts.count), since one has at most \(longestPolicy) characters,"
      let what = names.count == 1 ? "this role" : "these \(names.count) roles"
      return Document(
        heading:
          "permission policy\(part) for the \(signer.noun): to assume \(what), for which it needs no more\(besides)",
        text: permission(on: names))
    }
  }

  /// As many names in each part as fit into one policy.
  private static func parts(of names: [String]) -> [[String]] {
    let room = longestPolicy - permission(on: []).utf8.count
    var parts: [[String]] = [[]]
    var used = 0
    for name in names {
      let length = name.utf8.count + "\"\",".utf8.count
      if used + length > room {
        parts.append([])
        used = 0
      }
      parts[parts.count - 1].append(name)
      used += length
    }
    return parts
  }

  private static func permission(on names: [String]) -> String {
    policy { json in
      json.member("Action", "sts:AssumeRole")
      json.key("Resource")
      json.array { json in for name in names { json.string(name) } }
    }
  }

  // MARK: Whom a role trusts

  /// Several roles of the settings may be the same role in RAM, which has one trust policy.
  private static func trusts(_ settings: DaemonSettings) -> [Document] {
    var order: [RoleARN] = []
    var roles: [RoleARN: [RoleSettings]] = [:]
    for role in settings.roles {
      guard let arn = role.arn else { continue }
      if roles[arn] == nil { order.append(arn) }
      roles[arn, default: []].append(role)
    }
    return order.map { trust(of: $0, roles[$0] ?? [], settings) }
  }

  private static func trust(of arn: RoleARN, _ roles: [RoleSettings], _ settings: DaemonSettings) -> Document {
    let signers = settings.sources.compactMap { source -> (signer: Signer, externalIDs: [String])? in
      let own = roles.filter { $0.signers.contains(source.name) }
      guard !own.isEmpty else { return nil }
      // A role without an ExternalId couldn't be assumed if one were demanded.
      let ids = own.contains { $0.externalID == nil } ? [] : Set(own.compactMap(\.externalID)).sorted()
      return (Signer(source, settings.roles, account: arn.account), ids)
    }
    let names = roles.map { "'\($0.name)'" }.joined(separator: ", ")
    let replaced = signers.compactMap(\.signer.placeholder)
    let claims = signers.compactMap(\.signer.claims).flatMap { [$0.audience, $0.subject] }
    let parts = [
      (replaced, " by the name, and the account if that is in another one than the role"),
      (claims, " by what the token has there"),
    ].filter { !$0.0.isEmpty }.map { "replace \($0.0.joined(separator: " and "))\($0.1)" }
    let todo = parts.isEmpty ? "" : ": \(parts.joined(separator: "; "))"
    return Document(
      heading: "trust policy for \(arn), role\(roles.count == 1 ? "" : "s") \(names) of the settings\(todo)",
      text: policy(
        signers.map { signer, ids in
          { (json: inout Writer) -> Void in
            if let claims = signer.claims {
              json.trust(provider: signer.name, audience: claims.audience, subject: claims.subject)
            } else {
              json.trust(signer.name, ids)
            }
          }
        }))
  }

  // MARK: JSON

  private typealias Writer = JSONWriter<[UInt8]>

  private static func policy(_ statement: (inout Writer) -> Void) -> String {
    withoutActuallyEscaping(statement) { policy([$0]) }
  }

  /// A policy of Allow statements, each with the members that are written.
  private static func policy(_ statements: [(inout Writer) -> Void]) -> String {
    var json = JSONWriter([UInt8]())
    json.object { json in
      json.member("Version", "1")
      json.key("Statement")
      json.array { json in
        for statement in statements {
          json.object { json in
            json.member("Effect", "Allow")
            statement(&json)
          }
        }
      }
    }
    return String(decoding: json.finish(), as: UTF8.self)
  }
}

extension RoleSettings {
  /// The sources that may sign for it, its fallback's among them.
  var signers: [String] { [source] + [tier?.fallback?.source].compactMap(\.self) }
}

extension JSONWriter where Sink == [UInt8] {
  /// `sts:ExternalId` is the condition key of AssumeRole's parameter (RAM documentation, "Use external IDs to prevent the confused
  /// deputy issue").
  fileprivate mutating func trust(_ name: String, _ externalIDs: [String]) {
    member("Action", "sts:AssumeRole")
    key("Principal")
    object { json in
      json.key("RAM")
      json.array { json in json.string(name) }
    }
    guard !externalIDs.isEmpty else { return }
    key("Condition")
    object { json in
      json.key("StringEquals")
      json.object { json in
        json.key("sts:ExternalId")
        json.array { json in for id in externalIDs { json.string(id) } }
      }
    }
  }

  /// Condition keys of AssumeRoleWithOIDC (RAM documentation, "Create a RAM role for a trusted IdP"): without `oidc:sub`, every token of
  /// the provider would do.
  fileprivate mutating func trust(provider: String, audience: String, subject: String) {
    member("Action", "sts:AssumeRole")
    key("Principal")
    object { json in
      json.key("Federated")
      json.array { json in json.string(provider) }
    }
    key("Condition")
    object { json in
      json.key("StringEquals")
      json.object { json in
        for (name, value) in [("oidc:aud", audience), ("oidc:sub", subject)] {
          json.key(name)
          json.array { json in json.string(value) }
        }
      }
    }
  }
}
