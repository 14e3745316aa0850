/// Looks for a request that a statement of a task's policy allows and the role's policy denies.
///
/// Only requests as they really occur are tried: an operation's name, and a resource of five parts. A region or account that the
/// statement leaves open is no reason: a role's policy that names its own account isn't less than `*`. Conditions of the role's
/// statements don't count either, since a real request has keys that aren't known here; but each has an address, and if the task's
/// policy doesn't mention it, one that the role's statements don't allow is tried.
struct WitnessSearch {
  let task: Policy
  let role: Policy
  let statement: PolicyStatement
  let account: String

  /// The request, and the number of the role's Deny statement that forbids it, if there is one.
  func witness(for actions: PolicyPart, on resources: PolicyPart) -> (request: PolicyRequest, deny: Int?)? {
    guard statement.unknownMembers.isEmpty else { return nil }
    for context in exampleContexts {
      if let found = witness(for: actions, on: resources, in: context) { return found }
    }
    return nil
  }

  private func witness(
    for actions: PolicyPart, on resources: PolicyPart, in context: [String: String]
  ) -> (request: PolicyRequest, deny: Int?)? {
    for action in exampleActions(of: actions) {
      for resource in exampleResources(of: resources, for: action) {
        let request = PolicyRequest(action: action, resource: resource, context: context)
        guard isSurelyAllowed(request) else { continue }
        let denial = sureDenial(request, resources)
        if denial.isThere { return (request, denial.number) }
      }
    }
    return nil
  }

  /// Whether the task's policy allows it by the statement, and by no reading denies it.
  private func isSurelyAllowed(_ request: PolicyRequest) -> Bool {
    statement.applies(to: request) == true && statement.surelySelects(request)
      && task.decision(on: request).outcome == .allowed
      && !task.statements.contains {
        $0.effect == .deny && $0.actions.maySelect(request.action) && $0.resources.maySelect(request.resource)
      }
  }

  /// Whether the role's policy denies the request by every reading; `number` is that of the Deny statement, or nil if no statement
  /// allows it.
  private func sureDenial(_ request: PolicyRequest, _ resources: PolicyPart) -> (isThere: Bool, number: Int?) {
    guard role.decision(on: request).outcome == .denied else { return (false, nil) }
    if let deny = denies.first(where: { $0.surelySelects(request) }) { return (true, deny.number) }
    let mayBeAllowed = role.statements.contains {
      $0.effect == .allow && $0.actions.maySelect(request.action)
        && $0.resources.widened(where: resources).maySelect(request.resource)
        && !$0.conditions.contains { $0.isAboutAddress(of: request) && $0.holds(in: request.context) == false }
    }
    return (!mayBeAllowed, nil)
  }

  /// Of the address that a request comes from, which each has.
  static let addressKey = "acs:SourceIp"

  /// The statement's, and with addresses for documentation (RFC 5737, RFC 3849) and private ones (RFC 1918), some of which hardly any
  /// policy names.
  private var exampleContexts: [[String: String]] {
    let own = exampleContext
    let isOpen = !task.statements.contains {
      $0.conditions.contains { $0.key.lowercased() == Self.addressKey.lowercased() }
    }
    guard isOpen, role.conditionKeys.contains(Self.addressKey) else { return [own] }
    let addresses = ["192.0.2.7", "203.0.113.7", "2001:db8::7", "10.0.0.7", "172.16.0.7", "192.168.0.7"]
    return [own] + addresses.map { own.merging([Self.addressKey: $0]) { _, new in new } }
  }

  /// Keys and values that make the statement's conditions hold, where that is simple.
  private var exampleContext: [String: String] {
    var context: [String: String] = [:]
    for condition in statement.conditions where context[condition.key] == nil {
      context[condition.key] = condition.exampleValue
    }
    return context
  }

  // MARK: Examples

  /// Operations of services that roles are often for.
  private static let operations = [
    "oss:GetObject", "oss:PutObject", "oss:DeleteObject", "oss:ListObjects", "oss:GetObjectAcl", "oss:PutObjectAcl",
    "oss:GetBucketInfo", "oss:DeleteBucket", "vod:CreateUploadVideo", "vod:GetVideoInfo", "vod:DeleteVideo",
    "ecs:DescribeInstances", "ecs:DeleteInstance", "ram:CreateUser", "sts:AssumeRole",
  ]

  private func exampleActions(of part: PolicyPart) -> [String] {
    let others = denies.flatMap { $0.actions.examples(["Example", fresh]) }
    switch part {
    case .pattern(let pattern):
      let names = pattern.scalars.contains("*") ? Self.operations + others : []
      let matching = names.filter { pattern.folded.matches($0.lowercased()) }
      let own = pattern.matchesAll ? ["example:Example", "\(fresh):\(fresh)"] : pattern.examples(["Example", fresh])
      return matching + own
    case .allBut: return Self.operations + others + ["example:Example", "\(fresh):\(fresh)"]
    }
  }

  private func exampleResources(of part: PolicyPart, for action: String) -> [String] {
    let service = action.split(separator: ":").first.map(String.init) ?? "example"
    let parts = ARNParts(service: service, account: account)
    let names = ["example", fresh]
    let others = denies.flatMap {
      $0.resources.namedPatterns.flatMap { pattern in names.map { parts.example(pattern, $0) } }
    }
    switch part {
    case .pattern(let pattern):
      guard pattern.scalars.contains("*") else { return [pattern.text] }
      return names.map { parts.example(pattern, $0) } + others.filter { pattern.matches($0) }
    case .allBut: return names.map { parts.example(WildcardPattern("*"), $0) } + others
    }
  }

  /// The role's Deny statements that apply unconditionally.
  private var denies: [PolicyStatement] {
    role.statements.filter { $0.effect == .deny && $0.conditions.isEmpty && $0.unknownMembers.isEmpty }
  }

  /// A name of a character that no pattern has, if there is such a letter or digit: what decides between patterns.
  private var fresh: String {
    let used = Set(
      (task.statements + role.statements).flatMap { $0.actions.patterns + $0.resources.patterns }
        .flatMap(\.folded.scalars))
    let letter = "xzqjkvwy0123456789abcdefghilmnoprstu".unicodeScalars.first { !used.contains($0) }
    return letter.map { "\($0)" } ?? "x0q9"
  }
}

/// What stands for `*` in the parts of a resource.
private struct ARNParts {
  let service: String
  let account: String

  /// A resource that the pattern matches, with `name` for the rest; where the pattern ends early, its last `*` stands for all parts
  /// that follow.
  func example(_ pattern: WildcardPattern, _ name: String) -> String {
    if pattern.matchesAll { return ["acs", service, "cn-hangzhou", account, name].joined(separator: ":") }
    var parts = pattern.text.split(separator: ":", maxSplits: 4, omittingEmptySubsequences: false).map(String.init)
    let fills = ["acs", service, "cn-hangzhou", account, name]
    let isOpen = parts.last?.hasSuffix("*") ?? false
    for index in parts.indices {
      parts[index] = parts[index].split(separator: "*", omittingEmptySubsequences: false).joined(
        separator: fills[index])
    }
    if isOpen, parts.count < fills.count { parts += fills[parts.count...] }
    return parts.joined(separator: ":")
  }
}

extension WildcardPattern {
  /// The pattern with each of these in the place of every `*`.
  fileprivate func examples(_ fills: [String]) -> [String] {
    guard scalars.contains("*") else { return [text] }
    let parts = text.split(separator: "*", omittingEmptySubsequences: false)
    return fills.map { parts.joined(separator: $0) }
  }

  /// A resource's pattern with any region and any account where `resources`, which it is compared with, leaves them open.
  fileprivate func widened(where resources: PolicyPart) -> WildcardPattern {
    func parts(_ pattern: WildcardPattern) -> [String] {
      pattern.text.split(separator: ":", maxSplits: 4, omittingEmptySubsequences: false).map(String.init)
    }
    var own = parts(self)
    guard own.count == 5 else { return self }
    var other: [String] = []
    if case .pattern(let pattern) = resources { other = parts(pattern) }
    for index in [2, 3] where other.count < 5 || other[index].contains("*") { own[index] = "*" }
    return WildcardPattern(own.joined(separator: ":"))
  }
}

extension PolicyCondition {
  /// Whether it is about the address that the request comes from, if it has one here.
  fileprivate func isAboutAddress(of request: PolicyRequest) -> Bool {
    key == WitnessSearch.addressKey && request.context[key] != nil
  }
}

extension PolicyStatement {
  /// Whether it selects the request, conditions aside, whether case matters or not and whether `?` is a wildcard or not.
  func surelySelects(_ request: PolicyRequest) -> Bool {
    selects(action: request.action) && actions.surelyDoesNotExclude(request.action)
      && resources.selects { $0.matches(request.resource) } && resources.surelyDoesNotExclude(request.resource)
  }
}

extension PolicySelection {
  /// Whether no `Not…` pattern matches `text` by any reading.
  fileprivate func surelyDoesNotExclude(_ text: String) -> Bool {
    guard case .allBut(let excluded) = self else { return true }
    return !excluded.contains { $0.loosened.matches(text.lowercased()) }
  }

  fileprivate func examples(_ fills: [String]) -> [String] { namedPatterns.flatMap { $0.examples(fills) } }

  /// The patterns of what it selects; none if it names only what it doesn't select.
  fileprivate var namedPatterns: [WildcardPattern] {
    switch self {
    case .these(let patterns): patterns
    case .allBut: []
    }
  }

  fileprivate func widened(where resources: PolicyPart) -> PolicySelection {
    switch self {
    case .these(let patterns): .these(patterns.map { $0.widened(where: resources) })
    case .allBut: self
    }
  }

  /// False only if it doesn't select `text`, whether case matters or not and whether `?` is a wildcard or not.
  func maySelect(_ text: String) -> Bool {
    switch self {
    case .these(let patterns): patterns.contains { $0.loosened.matches(text.lowercased()) }
    case .allBut(let excluded): !excluded.contains { $0.matches(text) }
    }
  }
}
