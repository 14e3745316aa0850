package import Settings

/// Roles together with those whose sessions sign for them, and their sources; each behind what it depends on.
package struct RoleChains {
  package let roles: [RoleSettings]
  /// Those of `roles`.
  package let sources: [SourceSettings]
  private let settings: DaemonSettings

  /// `chosen` are roles of `settings`, whose chains have an end.
  package init(of chosen: [RoleSettings], in settings: DaemonSettings) {
    self.settings = settings
    var names = Set(chosen.map(\.name))
    var next = chosen
    while let role = next.popLast() {
      guard let lender = settings.sources.first(where: { $0.name == role.source })?.role else { continue }
      guard names.insert(lender).inserted else { continue }
      next += settings.roles.filter { $0.name == lender }
    }
    let links = Dictionary(
      settings.sources.map { source in (source.name, settings.roles.first { $0.name == source.role }?.source) }
    ) { first, _ in first }
    func depth(_ source: String) -> Int {
      var depth = 0
      var name = source
      while depth <= links.count, let lender = links[name] ?? nil {
        name = lender
        depth += 1
      }
      return depth
    }
    let all = settings.roles.filter { names.contains($0.name) }
    roles = all.enumerated().sorted { one, other in
      (depth(one.element.source), one.offset) < (depth(other.element.source), other.offset)
    }.map(\.element)
    sources = settings.sources.filter { source in all.contains { $0.source == source.name } }.enumerated()
      .sorted { one, other in (depth(one.element.name), one.offset) < (depth(other.element.name), other.offset) }
      .map(\.element)
  }

  package func roles(of source: SourceSettings) -> [RoleSettings] { roles.filter { $0.source == source.name } }

  /// The source at the end of the chain of `source`, which is itself unless a role's session signs.
  package func end(of source: SourceSettings) -> SourceSettings {
    var end = source
    for _ in settings.sources.indices {
      guard let role = settings.roles.first(where: { $0.name == end.role }),
        let next = settings.sources.first(where: { $0.name == role.source })
      else { break }
      end = next
    }
    return end
  }
}
