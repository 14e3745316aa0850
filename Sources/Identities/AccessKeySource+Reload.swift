package import Core
package import Settings

extension AccessKeySource {
  /// Whose key a new source goes on with until STS has accepted its own.
  package struct Predecessor {
    let source: AccessKeySource
    /// Whether that one goes on beside it, for other roles, and follows its own file.
    let stays: Bool
  }

  /// The sources of new settings, by name: those of `old` whose name and place stay are kept, the others are made by `make`.
  ///
  /// A new source goes on with the key of the old one of its name, or else of one at the same place whose name is gone: it was renamed.
  /// An old source is followed by one new source at most and never by one beside it, since it stops watching its file then (`takeOver`).
  /// `switches` names, for a source, the one that all its roles have had so far (`switches(to:from:)`): a source whose key STS hasn't
  /// accepted yet goes on with that one's.
  package static func sources(
    at wanted: [(name: String, location: Location)], keeping old: [String: AccessKeySource],
    switches: [String: String] = [:],
    make: (_ name: String, _ location: Location, _ predecessor: Predecessor?) throws -> AccessKeySource
  ) rethrows -> [String: AccessKeySource] {
    let names = Set(wanted.map(\.name))
    // In an order that is the same each time.
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

  /// By the name of a source: the other one that each of its roles has had so far. Only where all its roles are such, and for what they were:
  /// a key isn't lent to a role that it never signed for.
  package static func switches(to new: [RoleSettings], from old: [RoleName: RoleSettings]) -> [String: String] {
    var before: [String: Set<String?>] = [:]
    for role in new {
      let same = old[role.name].flatMap { role.keepsSessions(of: $0) ? $0.source : nil }
      before[role.source, default: []].insert(same)
    }
    return before.compactMapValues { $0.count == 1 ? $0.first ?? nil : nil }.filter { $0.key != $0.value }
  }
}
