/// A RAM policy: what identities may do, or, as a role's trust policy, who may assume it.
///
/// The grammar is from "Policy structure and syntax" and "Policy elements" in the vendor's RAM guide.
package struct Policy: Sendable {
  package enum Kind: Sendable {
    /// Attached to a user or role, or given with AssumeRole: statements name resources.
    case identity
    /// A role's trust policy: statements name principals.
    case trust
  }

  let statements: [PolicyStatement]

  /// Parses a policy document; nil if it isn't JSON or violates the grammar.
  package init?(_ text: String, kind: Kind) {
    guard case .object(let members)? = PolicyValue(json: text) else { return nil }
    var statements: [PolicyStatement]?
    var version: String?
    for (name, value) in members {
      switch (name, value) {
      case ("Version", .string(let text)): version = text
      case ("Statement", .list(let values)):
        let read = values.compactMap { PolicyStatement($0, kind: kind) }
        guard read.count == values.count, !read.isEmpty else { return nil }
        statements = read
      default: return nil
      }
    }
    guard version == "1", let statements else { return nil }
    self.statements = statements
  }

  init(statements: [PolicyStatement]) { self.statements = statements }
}

struct PolicyStatement: Sendable {
  enum Effect: String, Sendable {
    case allow = "Allow"
    case deny = "Deny"
  }

  /// What an element and its `Not…` counterpart select.
  enum Choice: Sendable {
    case these([String])
    case allBut([String])

    func covers(_ matches: (String) -> Bool) -> Bool {
      switch self {
      case .these(let patterns): patterns.contains(where: matches)
      case .allBut(let patterns): !patterns.contains(where: matches)
      }
    }
  }

  let effect: Effect
  let actions: Choice
  /// Nil in a trust policy.
  let resources: Choice?
  /// Principal types and their names, such as `RAM` and `acs:ram::…:root`; nil except in a trust policy.
  let principals: [String: [String]]?
  let conditions: [PolicyCondition]

  init(
    effect: Effect, actions: Choice, resources: Choice?, principals: [String: [String]]?, conditions: [PolicyCondition]
  ) {
    self.effect = effect
    self.actions = actions
    self.resources = resources
    self.principals = principals
    self.conditions = conditions
  }

  init?(_ value: PolicyValue, kind: Policy.Kind) {
    guard case .object(let members) = value else { return nil }
    var effect: Effect?
    var actions: Choice?
    var resources: Choice?
    var principals: [String: [String]]?
    var conditions: [PolicyCondition] = []
    for (name, value) in members {
      switch name {
      case "Effect":
        guard case .string(let text) = value else { return nil }
        effect = Effect(rawValue: text)
      case "Action", "NotAction":
        guard actions == nil, let patterns = value.strings, patterns.allSatisfy(Self.isAction) else { return nil }
        actions = name == "Action" ? .these(patterns) : .allBut(patterns)
      case "Resource", "NotResource":
        guard kind == .identity, resources == nil, let patterns = value.strings, patterns.allSatisfy(Self.isResource)
        else { return nil }
        resources = name == "Resource" ? .these(patterns) : .allBut(patterns)
      case "Principal":
        guard kind == .trust, let read = Self.principals(value) else { return nil }
        principals = read
      case "Condition":
        guard let read = PolicyCondition.all(in: value) else { return nil }
        conditions = read
      default: return nil
      }
    }
    guard let effect, let actions, (resources != nil) == (kind == .identity), (principals != nil) == (kind == .trust)
    else { return nil }
    self.init(
      effect: effect, actions: actions, resources: resources, principals: principals, conditions: conditions)
  }

  private static func isAction(_ text: String) -> Bool {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false)
    return text == "*" || parts.count == 2 && parts.allSatisfy { !$0.isEmpty }
  }

  private static func isResource(_ text: String) -> Bool {
    text == "*" || text.hasPrefix("acs:") && text.split(separator: ":", omittingEmptySubsequences: false).count >= 5
  }

  private static func principals(_ value: PolicyValue) -> [String: [String]]? {
    guard case .object(let members) = value, !members.isEmpty else { return nil }
    var principals: [String: [String]] = [:]
    for (type, value) in members {
      guard PrincipalType(rawValue: type) != nil, let names = value.strings else { return nil }
      principals[type] = names
    }
    return principals
  }
}

extension PolicyValue {
  /// A list of at least one string; a single string counts as a list of one. Nil for anything else.
  var strings: [String]? {
    switch self {
    case .string(let text): return [text]
    case .list(let values):
      let texts = values.compactMap { value in
        if case .string(let text) = value { text } else { nil }
      }
      return texts.count == values.count && !texts.isEmpty ? texts : nil
    case .object, .number, .other: return nil
    }
  }
}
