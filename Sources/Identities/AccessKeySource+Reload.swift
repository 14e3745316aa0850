package import Core
package import Settings

extension AccessKeySource {
  /// The source whose key a new source uses until STS has accepted its own.
  package struct Predecessor {
    let source: AccessKeySource
    /// Whether that source stays in use, for other roles, and keeps watching its own file.
    let stays: Bool
  }

  /// The sources for new settings, by name: sources of `old` whose name and place are unchanged are kept, the others are created by
  /// `make`.
  ///
  /// A new source starts with the key of the old one of its name, or otherwise of an old one at the same place whose name is gone:
  /// it was renamed. An old source has at most one successor, and none if it stays, since it stops watching its file then
  /// (`takeOver`). `switches` names, for a source, the one that all its roles have had so far (`switches(to:from:)`): a source
  /// whose key STS hasn't accepted yet starts with that one's.
  package static func sources(
    at wanted: [(name: String, location: Location)], keeping old: [String: AccessKeySource],
    switches: [String: String] = [:],
    make: (_ name: String, _ location: Location, _ predecessor: Predecessor?) throws -> AccessKeySource
  ) rethrows -> [String: AccessKeySource] {
    let names = Set(wanted.map(\.name))
    // Sorted, so that the order is deterministic.
    var leaving = old.filter { !names.contains($0.key) }.sorted { $0.key < $1.key }.map(\.value)
    var sources: [String: AccessKeySource] = [:]
    for (name, location) in wanted {
      let lender = switches[name].flatMap { old[$0] }.flatMap {
        $0.mayLendKey ? Predecessor(source: $0, stays: true) : nil
      }
      if let namesake = old[name] {
        if namesake.location != location {
          sources[name] = try make(name, location, Predecessor(source: namesake, stays: false))
        } else if let lender, namesake.keys.current?.proven == nil {
          sources[name] = try make(name, location, lender)
        } else {
          sources[name] = namesake
        }
      } else if let index = leaving.firstIndex(where: { $0.location == location && $0.key != nil }) {
        sources[name] = try make(name, location, Predecessor(source: leaving.remove(at: index), stays: false))
      } else {
        sources[name] = try make(name, location, lender)
      }
    }
    return sources
  }

  /// Whether STS accepts its key.
  private var mayLendKey: Bool { keys.current.map { $0.proven != nil && $0.refusal == nil } ?? false }

  /// For each source name, the other source that all its roles have had so far. Only if all its roles have changed in this way, and
  /// had sessions for the same purpose: a key isn't used for a role that it never signed for.
  package static func switches(to new: [RoleSettings], from old: [RoleName: RoleSettings]) -> [String: String] {
    var before: [String: Set<String?>] = [:]
    for role in new {
      let same = old[role.name].flatMap { role.keepsSessions(of: $0) ? $0.source : nil }
      before[role.source, default: []].insert(same)
    }
    return before.compactMapValues { $0.count == 1 ? $0.first ?? nil : nil }.filter { $0.key != $0.value }
  }
}
