import Core
import Policies

/// Checks the roles whose sessions sign for other roles: that they are there, that no chain leads back to itself, and that their
/// floors leave time for the requests that they sign.
struct SourceChains {
  let sources: [SourceSettings]
  let roles: [RoleSettings]
  let context: LoadContext

  private typealias Keys = Schema.Source

  /// `knownRoles` are those that were read, with errors or without; if they aren't complete, none is reported as missing.
  func check(knownRoles: Set<RoleName>, areComplete: Bool, sts: STSSettings?) {
    let lending = sources.compactMap { source in source.role.map { (source: source, role: $0) } }
    if lending.isEmpty { return }
    let byName = Dictionary(roles.map { ($0.name, $0) }) { first, _ in first }
    for (source, role) in lending where areComplete && !knownRoles.contains(role) {
      let near = Spelling.nearest(to: role.description, among: knownRoles.map(\.description).sorted())
      context.findings.error(
        place(of: source), "is '\(role)', and there is no [roles.\(role)]",
        Keys.role.requiredRemedy(near.map { "\"\($0)\"" }))
    }
    reportCycles(byName)
    for (source, name) in lending {
      if let role = byName[name] { checkPolicy(of: role, for: source) }
    }
    guard let sts else { return }
    for (source, name) in lending {
      if let role = byName[name] { prove(role, of: source, needing: sts.attemptLimit) }
    }
  }

  /// Reports each chain that leads back to itself, once.
  private func reportCycles(_ byName: [RoleName: RoleSettings]) {
    let bySource = Dictionary(sources.compactMap { source in source.role.map { (source.name, $0) } }) { first, _ in
      first
    }
    var isSettled: Set<RoleName> = []
    for source in sources {
      guard let first = source.role else { continue }
      var chain: [RoleName] = []
      var next: RoleName? = first
      while let role = next, !isSettled.contains(role) {
        if let start = chain.firstIndex(of: role) {
          let text = (chain[start...] + [role]).map(\.description).joined(separator: " ← ")
          context.findings.error(
            place(of: source), "is '\(first)', whose session would be signed by itself: \(text)",
            "give one of these roles another source, such as an AccessKey")
          break
        }
        chain.append(role)
        next = byName[role].flatMap { bySource[$0.source] }
      }
      isSettled.formUnion(chain)
    }
  }

  /// A session that signs has to outlast the request. Its role's floor says how much of it is always left.
  private func prove(_ role: RoleSettings, of source: SourceSettings, needing limit: Duration) {
    let needed = limit + role.timing.lapseMargin
    guard role.timing.floor < needed else { return }
    context.findings.error(
      place(of: source),
      "is '\(role.name)', whose floor \(role.timing.floor.text) is shorter than a request that it signs may take: \(needed.text)",
      "write floor = \"\(needed.text)\" or more in [roles.\(role.name)]")
  }

  /// Warns of a session that may not assume the roles that it signs for.
  private func checkPolicy(of lender: RoleSettings, for source: SourceSettings) {
    guard let text = lender.policy, let policy = Policy(text.span) else { return }
    let denied = roles.filter { $0.signers.contains(source.name) }.compactMap(\.arn).filter {
      policy.deniesAssuming($0)
    }
    guard let first = denied.first else { return }
    let more = denied.count > 1 ? " and \(denied.count - 1) more" : ""
    context.findings.warning(
      place(of: source),
      "is '\(lender.name)', whose policy_file doesn't let its session assume what it signs for: sts:AssumeRole on '\(first)'\(more)",
      "allow sts:AssumeRole on these roles there, or remove policy_file from [roles.\(lender.name)]")
  }

  private func place(of source: SourceSettings) -> Place {
    context.sourcePlaces[source.name] ?? Place(file: "", key: "source.\(source.name)")
  }
}

extension Policy {
  /// The RAM documentation writes the resource of AssumeRole with `*` for the region, and a role's ARN has none there (?).
  fileprivate func deniesAssuming(_ role: RoleARN) -> Bool {
    let name = role.description
    return [name, name.replacing("acs:ram::", with: "acs:ram:*:")].allSatisfy {
      surelyDenies(PolicyRequest(action: "sts:AssumeRole", resource: $0))
    }
  }
}
