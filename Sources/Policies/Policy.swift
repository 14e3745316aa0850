import JSON

/// A RAM policy that is attached to a session: what its holder may do at most.
///
/// Made by `PolicyReader`, which reports what is wrong with a text.
package struct Policy: Hashable, Sendable {
  /// In the order of the text.
  package let statements: [PolicyStatement]

  init(statements: [PolicyStatement]) { self.statements = statements }

  /// The keys of all conditions.
  package var conditionKeys: Set<String> { Set(statements.flatMap { $0.conditions.map(\.key) }) }

  /// Reads a policy of which no report is needed; nil if the text isn't JSON, or violates the grammar.
  package init?(_ text: Span<UInt8>) {
    // Whoever needs the reason uses the reader.
    guard let document = try? JSONDocument(text) else { return nil }
    var reader = PolicyReader()
    guard let policy = reader.read(document.root) else { return nil }
    self = policy
  }
}

package struct PolicyStatement: Hashable, Sendable {
  package enum Effect: String, Hashable, Sendable {
    case allow = "Allow"
    case deny = "Deny"
  }

  /// Its number among the statements, from 1.
  package let number: Int
  /// Where it begins in the text, in bytes from 0.
  package let offset: Int
  package let effect: Effect
  let actions: PolicySelection
  let resources: PolicySelection
  /// All of them must hold.
  let conditions: [PolicyCondition]
  /// The names of members whose meaning isn't known here. What such a statement does is uncertain.
  let unknownMembers: [String]

  /// What of it can't be evaluated here, such as "'Principal', which isn't known here"; nil if all can.
  package var uncertainty: String? {
    if let member = unknownMembers.first { return "'\(member)', which isn't known here" }
    guard let condition = conditions.first(where: { !$0.isReadable }) else { return nil }
    return "a condition of '\(condition.key)' by \(condition.operatorName), which can't be evaluated here"
  }
}

/// What an element and its `Not…` counterpart select.
enum PolicySelection: Hashable, Sendable {
  case these([WildcardPattern])
  case allBut([WildcardPattern])

  var patterns: [WildcardPattern] {
    switch self {
    case .these(let patterns), .allBut(let patterns): patterns
    }
  }

  func selects(_ matches: (WildcardPattern) -> Bool) -> Bool {
    switch self {
    case .these(let patterns): patterns.contains(where: matches)
    case .allBut(let patterns): !patterns.contains(where: matches)
    }
  }
}
