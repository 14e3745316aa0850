import Core
import Glibc
import JSON
import Policies
import Settings

/// What `policy test` asks: may a session of the role make this request?
struct PolicyQuestion {
  let role: String
  /// The scope whose policy counts in place of the role's; nil for the role's own.
  let scope: String?
  let request: PolicyRequest

  /// From `ROLE[/SCOPE] ACTION RESOURCE [KEY=VALUE]…`; nil for other words.
  init?(_ words: [String]) {
    guard words.count >= 3 else { return nil }
    var context: [String: String] = [:]
    for word in words[3...] {
      guard let equals = word.firstIndex(of: "="), equals > word.startIndex else { return nil }
      context[String(word[..<equals])] = String(word[word.index(after: equals)...])
    }
    let names = words[0].split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
    (role, scope) = (names[0], names.count > 1 ? names[1] : nil)
    request = PolicyRequest(action: words[1], resource: words[2], context: context)
  }
}

/// `--policy-test`: what a role's session policy decides about one request, from the settings' files alone.
///
///     allowed: statement 1 at /etc/rolekeeper/uploader.policy.json:4 allows it
struct PolicyTest {
  let config: String
  let loaded: LoadedSettings
  let question: PolicyQuestion

  func run() -> (status: Int32, lines: [String]) {
    if let file = loaded.policyFiles.first(where: {
      $0.role.description == question.role && $0.scope?.description == question.scope
    }) {
      return decide(by: file)
    }
    guard let settings = loaded.settings else { return refuse(loaded.errors) }
    guard let role = settings.roles.first(where: { $0.name.description == question.role }) else {
      return missing("role '\(question.role)'", question.role, settings.roles.map(\.name))
    }
    if let scope = question.scope {
      return missing("scope '\(scope)' of role '\(role.name)'", scope, role.derivation.scopes.map(\.name))
    }
    return (
      ExitStatus.done,
      [
        "allowed: role '\(role.name)' has no policy_file, so its sessions may do whatever the role itself may",
        Self.limit,
      ]
    )
  }

  private func missing(_ what: String, _ name: String, _ names: [RoleName]) -> (status: Int32, lines: [String]) {
    let near = Spelling.nearest(to: name, among: names.map(\.description)).map { "; did you mean '\($0)'?" }
    Console.report("\(config): there is no \(what)\(near ?? "")")
    return (ExitStatus.wrongUsage, [])
  }

  private static let limit =
    "the role's own permissions in RAM aren't known here: a session may do what they allow and the session policy, too"

  private func decide(by file: SessionPolicyFile) -> (status: Int32, lines: [String]) {
    // Without its byte order mark, which a reading of the settings accepts, too.
    guard
      let bytes = loaded.content.files.first(where: { $0.path == file.path }).map({
        ByteOrderMark.removed(from: $0.bytes)
      }),
      let policy = Policy(bytes.span)
    else { return refuse(loaded.errors.filter { $0.place.file == file.path || $0.problem.contains("'\(file.path)'") }) }
    func place(_ statement: PolicyStatement) -> String {
      let line = JSONPosition(of: statement.offset, in: bytes.span).line
      return "statement \(statement.number) at \(file.path):\(line)"
    }
    if let (key, name, needed) = policy.impossibleValue(in: question.request) {
      let value = question.request.context[key] ?? ""
      Console.report("'\(key)' is '\(value)', and \(name) in \(file.path) needs \(needed)")
      return (ExitStatus.wrongUsage, [])
    }
    let decision = policy.decision(on: question.request)
    let keys = keyHints(policy)
    switch (decision.outcome, decision.statement) {
    case (.allowed, let statement):
      let which = statement.map { "\(place($0)) allows it" } ?? "\(file.path) allows it"
      return (ExitStatus.done, ["allowed: \(which)"] + keys + [Self.limit])
    case (.denied, let statement?): return (ExitStatus.failed, ["denied: \(place(statement)) denies it"] + keys)
    case (.denied, nil): return (ExitStatus.failed, ["denied: no statement of \(file.path) allows it"] + keys)
    case (.unknown, let statement):
      let which = statement.map { "\(place($0)) has \($0.uncertainty ?? "something that isn't known here")" }
      return (ExitStatus.failed, ["not known: \(which ?? file.path)"] + keys)
    }
  }

  /// Which condition keys were left out, or are perhaps misspelt.
  private func keyHints(_ policy: Policy) -> [String] {
    let missing = policy.decisiveKeys(missingFrom: question.request)
    var lines: [String] = []
    if !missing.isEmpty {
      let given = missing.map { "\($0)=VALUE" }.joined(separator: " ")
      lines.append(
        "this is for a request without \(missing.joined(separator: ", ")): to ask about one with it, add \(given)")
    }
    for key in question.request.context.keys.sorted() where !policy.conditionKeys.contains(key) {
      let near = Spelling.nearest(to: key, among: policy.conditionKeys.sorted())
      lines.append("no condition has the key '\(key)'\(near.map { "; did you mean '\($0)'?" } ?? "")")
    }
    return lines
  }

  private func refuse(_ errors: [Diagnostic]) -> (status: Int32, lines: [String]) {
    for error in errors { Console.report("\(error)") }
    if errors.isEmpty { Console.report("\(config): the settings can't be used; run: sudo rolekeeper check") }
    return (ExitStatus.badSettings, [])
  }
}
