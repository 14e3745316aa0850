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

  /// CreatePolicy takes as many characters (RAM API reference).
  static let longestPolicy = 6144

  package init(_ settings: DaemonSettings) {
    documents =
      settings.sources.flatMap { Self.permissions(of: $0, settings.roles) } + Self.trusts(settings)
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

    /// `account` is the one of the role that is assumed: where the signer belongs to another, that one replaces it.
    init(_ source: SourceSettings, _ roles: [RoleSettings], account: String) {
      if let role = roles.first(where: { $0.name == source.role }) {
        (noun, name, placeholder) = ("role \(role.arn)", role.arn.description, nil)
      } else if source.accessKey != nil {
        let user = "<RAM user of source.\(source.name)>"
        (noun, name, placeholder) = (
          "RAM user whose AccessKey is source.\(source.name)", "acs:ram::\(account):user/\(user)", user
        )
      } else {
        // An identity that the settings don't name: of an instance, or behind a URL.
        let identity = "<ARN of the RAM user or role of source.\(source.name)>"
        (noun, name, placeholder) = ("RAM user or role of source.\(source.name)", identity, identity)
      }
    }
  }

  // MARK: What a source may do

  private static func permissions(of source: SourceSettings, _ roles: [RoleSettings]) -> [Document] {
    let own = roles.filter { $0.source == source.name }
    let names = Set(own.map(\.arn.description)).sorted()
    guard let first = own.first, !names.isEmpty else { return [] }
    let signer = Signer(source, roles, account: first.arn.account)
    let parts = parts(of: names)
    return parts.enumerated().map { index, names in
      let part =
        parts.count == 1 ? "" : " \(index + 1) of \(parts.count), since one has at most \(longestPolicy) characters,"
      let what = names.count == 1 ? "this role" : "these \(names.count) roles"
      return Document(
        heading: "permission policy\(part) for the \(signer.noun): to assume \(what), for which it needs no more",
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
      if roles[role.arn] == nil { order.append(role.arn) }
      roles[role.arn, default: []].append(role)
    }
    return order.map { trust(of: $0, roles[$0] ?? [], settings) }
  }

  private static func trust(of arn: RoleARN, _ roles: [RoleSettings], _ settings: DaemonSettings) -> Document {
    let signers = settings.sources.compactMap { source -> (signer: Signer, externalIDs: [String])? in
      let own = roles.filter { $0.source == source.name }
      guard !own.isEmpty else { return nil }
      // A role without an ExternalId couldn't be assumed if one were demanded.
      let ids = own.contains { $0.externalID == nil } ? [] : Set(own.compactMap(\.externalID)).sorted()
      return (Signer(source, settings.roles, account: arn.account), ids)
    }
    let names = roles.map { "'\($0.name)'" }.joined(separator: ", ")
    let replaced = signers.compactMap(\.signer.placeholder).joined(separator: " and ")
    let todo =
      replaced.isEmpty
      ? "" : ": replace \(replaced) by the name, and the account if that is in another one than the role"
    return Document(
      heading: "trust policy for \(arn), role\(roles.count == 1 ? "" : "s") \(names) of the settings\(todo)",
      text: policy(signers.map { signer, ids in { $0.trust(signer.name, ids) } }))
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
}
