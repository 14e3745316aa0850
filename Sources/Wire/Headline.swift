internal import Core

/// The state of the roles in one line: first the healthy ones, then the others by name. `STATUS=` and `rolekeeper status` use the
/// same.
package struct Headline {
  /// More names would make the line too long.
  private static let mostNames = 3

  private var count = 0
  private var working = 0
  private var failing = 0
  private var least: (name: String, headroom: Duration)?
  /// Whether all roles so far are a tier's; nil while there are none.
  private var isOfTier: Bool?
  /// The tier that is away for longest, and what a session of its roles lives at the least.
  private var tierAway: (since: UTCTime, life: Duration)?
  private var notRefreshed = Names()
  private var notWritten = Names()
  private var belowFloor = Names()
  private var lapsed = Names()
  private var waiting = Names()

  /// The first names in alphabetical order, whatever order they are added in, and the number of all.
  private struct Names {
    var first: [String] = []
    var count = 0

    mutating func add(_ name: String) {
      count += 1
      guard first.count < Headline.mostNames || name < first[first.count - 1] else { return }
      first.insert(name, at: first.firstIndex { name < $0 } ?? first.count)
      if first.count > Headline.mostNames { first.removeLast() }
    }

    /// Empty if there are none.
    func text(_ what: String) -> String {
      if count == 0 { return "" }
      let rest = count > first.count ? " and \(count - first.count) more" : ""
      return "; \(what): \(first.map { "'\($0)'" }.joined(separator: ", "))\(rest)"
    }
  }

  package init() {}

  package init(_ roles: [RoleStatus]) {
    for role in roles {
      add(role.source, life: role.expiresIn)
      add(
        role.name, role.state, headroom: role.headroom, isFailing: role.lastError != nil,
        failsLastingly: role.needsAttention, hasFailingFile: role.outputs.contains { $0.lastError != nil })
    }
  }

  /// Adds one role; `isFailing` is whether its last attempt failed, whatever readers have, `failsLastingly` whether waiting won't
  /// fix that, and `hasFailingFile` whether one of its credential files can't be written.
  package mutating func add(
    _ name: String, _ state: RoleState, headroom: @autoclosure () -> Duration, isFailing: Bool, failsLastingly: Bool,
    hasFailingFile: Bool
  ) {
    count += 1
    if hasFailingFile { notWritten.add(name) }
    if isFailing { failing += 1 }
    if state.hasSession {
      working += 1
      if failsLastingly { notRefreshed.add(name) }
    }
    switch state {
    case .valid, .failing:
      let headroom = headroom()
      if least.map({ (headroom, name) < ($0.headroom, $0.name) }) ?? true { least = (name, headroom) }
    case .belowFloor: belowFloor.add(name)
    case .lapsed: lapsed.add(name)
    case .waiting: waiting.add(name)
    }
  }

  /// Adds where a role's sessions come from, and how long the one that readers get lives; nil if there is none.
  package mutating func add(_ source: RoleSource?, life: Duration?) {
    let isTier = source?.isTier == true
    isOfTier = isTier && isOfTier != false
    guard isTier, source?.state == .notRenewed, let since = source?.error?.since, let life else { return }
    tierAway = (since: min(tierAway?.since ?? since, since), life: min(tierAway?.life ?? life, life))
  }

  package var text: String {
    if count == 0 { return "no roles in the settings" }
    var line = "\(working) of \(count) \(count == 1 ? "role" : "roles") valid"
    if failing > 0 { line += ", \(failing) failing to refresh" }
    if let least, let tierAway, isOfTier == true {
      line +=
        "; the tier is away since \(tierAway.since); readers keep their floor for \(least.headroom.text) ('\(least.name)' first), a session for \(tierAway.life.text)"
    } else if let least {
      let issuer = isOfTier == true ? "the tier" : "STS"
      line +=
        "; if \(issuer) failed now, readers would keep their floor for \(least.headroom.text) ('\(least.name)' first)"
    }
    return line + notRefreshed.text("not refreshed any more") + lapsed.text("without a credential")
      + waiting.text("waiting for the first session")
      + belowFloor.text("below the floor") + notWritten.text("files can't be written")
  }
}
