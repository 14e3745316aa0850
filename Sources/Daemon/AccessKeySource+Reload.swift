extension AccessKeySource {
  /// The sources of new settings, by name: those of `old` whose name and place stay are kept, the others are made by `make`.
  ///
  /// A new source goes on with the key of the old one of its name, or else of one at the same place whose name is gone: it was renamed.
  /// An old source is followed by one new source at most and never by one beside it, since it stops watching its file then (`takeOver`).
  static func sources(
    at wanted: [(name: String, location: Location)], keeping old: [String: AccessKeySource],
    make: (_ name: String, _ location: Location, _ predecessor: AccessKeySource?) throws -> AccessKeySource
  ) rethrows -> [String: AccessKeySource] {
    let names = Set(wanted.map(\.name))
    // In an order that is the same each time.
    var leaving = old.filter { !names.contains($0.key) }.sorted { $0.key < $1.key }.map(\.value)
    var sources: [String: AccessKeySource] = [:]
    for (name, location) in wanted {
      if let namesake = old[name] {
        sources[name] = namesake.location == location ? namesake : try make(name, location, namesake)
      } else {
        let index = leaving.firstIndex { $0.location == location && $0.key != nil }
        sources[name] = try make(name, location, index.map { leaving.remove(at: $0) })
      }
    }
    return sources
  }
}
