/// Installed unit files and their drop-ins (systemd.unit(5), "System Unit Search Path").
struct UnitFiles<Source: Host> {
  /// The directories of system units, the highest priority first.
  private static var searchPath: [String] {
    [
      "/etc/systemd/system", "/run/systemd/system", "/usr/local/lib/systemd/system", "/usr/lib/systemd/system",
      "/lib/systemd/system",
    ]
  }
  /// The limit for a unit file or drop-in, far above any usual length.
  private static var maxBytes: Int { 1 << 20 }

  let host: Source

  /// The assignments in a section of a unit, and the path of its file; nil if the unit can't be read or is masked.
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

  /// The names of all units of a type such as `.service`, sorted and without duplicates. Drop-ins alone don't make a
  /// unit.
  func names(ofType type: String) -> [String] {
    // A missing directory contains no units.
    Set(Self.searchPath.flatMap { (try? host.names(in: $0)) ?? [] }).filter { $0.hasSuffix(type) }.sorted()
  }

  /// Whether the unit is enabled for a target: whether the target wants it, as `WantedBy=` in its [Install] section
  /// requests.
  func isWanted(_ name: String, by target: String) -> Bool {
    Self.searchPath.contains { ((try? host.names(in: "\($0)/\(target).wants")) ?? []).contains(name) }
  }

  // A file that can't be read is treated as missing.
  private func text(_ path: String) -> String? {
    (try? host.read(path, limit: Self.maxBytes)).map { String(decoding: $0.bytes, as: UTF8.self) }
  }

  /// The drop-ins for all units of the type and for this unit, sorted by name; of those with the same name, the one
  /// with the highest priority.
  private func dropIns(of name: String) -> [String] {
    let type = name.split(separator: ".").last.map(String.init) ?? name
    var byName: [String: String] = [:]
    for kind in ["\(name).d", "\(type).d"] {
      for directory in Self.searchPath.map({ "\($0)/\(kind)" }) {
        // A missing directory contains no drop-ins.
        for file in (try? host.names(in: directory)) ?? [] where file.hasSuffix(".conf") && byName[file] == nil {
          byName[file] = "\(directory)/\(file)"
        }
      }
    }
    return byName.sorted { $0.key < $1.key }.map(\.value)
  }
}
