import Core
import JSON

/// The least policies in RAM with which the settings work: for each source, what its RAM user has to be allowed, and for each role whom
/// it has to trust.
///
/// The user needs sts:AssumeRole on the roles and nothing else: GetCallerIdentity needs no permission (STS API reference). Whose
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

  // MARK: What a source may do

  private static func permissions(of source: SourceSettings, _ roles: [RoleSettings]) -> [Document] {
    let own = roles.filter { $0.source == source.name }
    let names = Set(own.map(\.arn.description)).sorted()
    guard !names.isEmpty else { return [] }
    let parts = parts(of: names)
    return parts.enumerated().map { index, names in
      let part =
        parts.count == 1 ? "" : " \(index + 1) of \(parts.count), since one has at most \(longestPolicy) characters"
      return Document(
        heading:
          "permission policy\(part) for the RAM user whose AccessKey is source.\(source.name): it may assume \(names.count == 1 ? "this role" : "these \(names.count) roles") and nothing else",
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

  /// Who signs a source's requests, as a trust policy names it.
  ///
  /// A source with an AccessKey is a RAM user. Sources of other kinds belong here: a RAM role, a service or an identity provider.
  private struct Principal: Hashable {
    /// `RAM`, `Service` or `Federated`.
    let type: String
    let name: String
    /// What to replace in the name; nil if it is known.
    let placeholder: String?

    init(_ source: String, account: String) {
      type = "RAM"
      placeholder = "<RAM user of source.\(source)>"
      // The user of another account is named with that account.
      name = "acs:ram::\(account):user/<RAM user of source.\(source)>"
    }
  }

  /// Several roles of the settings may be the same role in RAM, which has one trust policy.
  private static func trusts(_ settings: DaemonSettings) -> [Document] {
    var order: [RoleARN] = []
    var roles: [RoleARN: [RoleSettings]] = [:]
    for role in settings.roles {
      if roles[role.arn] == nil { order.append(role.arn) }
      roles[role.arn, default: []].append(role)
    }
    return order.map { trust(of: $0, roles[$0] ?? []) }
  }

  private static func trust(of arn: RoleARN, _ roles: [RoleSettings]) -> Document {
    let sources = Set(roles.map(\.source)).sorted()
    let principals = sources.map { source in
      let own = roles.filter { $0.source == source }
      // A role without an ExternalId can't be assumed where one is demanded.
      let demandsID = own.allSatisfy { $0.externalID != nil }
      return (
        principal: Principal(source, account: arn.account),
        externalIDs: demandsID ? Set(own.compactMap(\.externalID)).sorted() : []
      )
    }
    let names = roles.map { "'\($0.name)'" }.joined(separator: ", ")
    let replaced = principals.compactMap(\.principal.placeholder).map { "\($0)" }.joined(separator: " and ")
    return Document(
      heading:
        "trust policy for \(arn), role\(roles.count == 1 ? "" : "s") \(names) of the settings: replace \(replaced) by the user's name, and the account if the user is of another one",
      text: policy(principals.map { principal, ids in { $0.trust(principal.type, principal.name, ids) } }))
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
  fileprivate mutating func trust(_ type: String, _ name: String, _ externalIDs: [String]) {
    member("Action", "sts:AssumeRole")
    key("Principal")
    object { json in
      json.key(type)
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
