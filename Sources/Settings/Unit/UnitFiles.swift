/// Unit files as they are installed, with their drop-ins (systemd.unit(5), "System Unit Search Path").
struct UnitFiles<Source: Host> {
  /// Where system units lie, from the highest priority to the lowest.
  private static var searchPath: [String] {
    [
      "/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
      "/lib/systemd/system",
    ]
  }
  /// A unit or drop-in of any sense is much shorter.
  private static var maxBytes: Int { 1 << 20 }

  let host: Source

  /// The assignments of a unit's `section`, and the path of its file; nil when there is none that can be read, also when it is masked.
  func unit(_ name: String, section: String) -> (text: UnitText, path: String)? {
    guard
      let found = Self.searchPath.lazy.map({ "\($0)/\(name)" }).compactMap({ path in
        text(path).map { (path, $0) }
      }).first
    else { return nil }
    var unit = UnitText(section: section)
    unit.add(found.1)
    for dropIn in dropIns(of: name) { if let text = text(dropIn) { unit.add(text) } }
    return (unit, found.0)
  }

  /// The names of all units of a type, as `.service`, each once and in order; drop-ins alone make none.
  func names(ofType type: String) -> [String] {
    // A directory that isn't there has no units.
    Set(Self.searchPath.flatMap { (try? host.names(in: $0)) ?? [] }).filter { $0.hasSuffix(type) }.sorted()
  }

  /// Whether the unit is enabled for a target, as `WantedBy=` in its [Install] has it.
  func isWanted(_ name: String, by target: String) -> Bool {
    Self.searchPath.contains { ((try? host.names(in: "\($0)/\(target).wants")) ?? []).contains(name) }
  }

  // What can't be read isn't there for us.
  private func text(_ path: String) -> String? {
    (try? host.read(path, limit: Self.maxBytes)).map { String(decoding: $0.bytes, as: UTF8.self) }
  }

  /// Of all units' drop-ins of that type and this one's, by their names; of one name the one of the highest priority.
  private func dropIns(of name: String) -> [String] {
    let type = name.split(separator: ".").last.map(String.init) ?? name
    var byName: [String: String] = [:]
    for kind in ["\(name).d", "\(type).d"] {
      for directory in Self.searchPath.map({ "\($0)/\(kind)" }) {
        // A directory that isn't there has no drop-ins.
        for file in (try? host.names(in: directory)) ?? [] where file.hasSuffix(".conf") && byName[file] == nil {
          byName[file] = "\(directory)/\(file)"
        }
      }
    }
    return byName.sorted { $0.key < $1.key }.map(\.value)
  }
}
