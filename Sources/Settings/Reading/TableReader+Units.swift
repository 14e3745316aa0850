import Core

extension TableReader {
  /// Patterns of the names of units that run programs, each once.
  func unitPatterns(_ key: TextsKey) -> [UnitPattern] {
    patterns(key) { text, place in
      guard let pattern = UnitPattern(text) else {
        let near: UnitPattern? =
          if text.contains("/") {
            UnitPattern(Self.name(in: text))
          } else {
            text.contains(".") || text.contains("*") ? nil : Self.service(text)
          }
        reportName(
          text, at: place, "which isn't a .service, .socket, .mount or .swap unit",
          key.remedy(near.map { "[\"\($0)\"]" }))
        return nil
      }
      context.unitsPlace = context.unitsPlace ?? place
      noteReach(of: pattern, at: place)
      return pattern
    }
  }

  /// What is allowed, but seldom meant.
  private func noteReach(of pattern: UnitPattern, at place: Place) {
    if pattern.description.allSatisfy({ $0 == "*" }) {
      findings.note(
        place, "names '\(pattern)', so the programs of every system unit may have the credential",
        "name the units if that isn't meant")
    } else if pattern.description.hasPrefix("user@") {
      findings.note(
        place,
        "names '\(pattern)', and over the socket nothing that runs below a user's service manager matches, only the LoadCredential= of that unit itself",
        "write the user in users = […] if the user's programs are meant")
    }
  }

  /// Patterns of services' names, each once, and none for the daemon's own unit.
  func servicePatterns(_ key: TextsKey) -> [UnitPattern] {
    patterns(key) { text, place in
      guard let pattern = UnitPattern(text), pattern.isOfServices else {
        reportName(
          text, at: place, "which is no service", key.remedy(Self.service(text).map { "[\"\($0)\"]" }))
        return nil
      }
      guard !Self.isOwn(pattern) else {
        findings.error(
          place, "names '\(text)', which \(pattern.name == nil ? "matches" : "is") the daemon's own unit",
          "write patterns that \(RolekeeperUnit.service) doesn't match, as refresh_units = \(key.example)")
        return nil
      }
      context.refreshUnitsPlace = context.refreshUnitsPlace ?? place
      return pattern
    }
  }

  private func patterns(_ key: TextsKey, _ pattern: (String, Place) -> UnitPattern?) -> [UnitPattern] {
    let patterns = texts(key).compactMap { text, place -> UnitPattern? in
      if text.hasSuffix("@.service"), UnitPattern(text) != nil {
        findings.error(
          place, "names '\(text)', which is a template and never runs itself",
          "write \"\(text.dropLast(".service".count))*.service\" for all its instances")
        return nil
      }
      return pattern(text, place)
    }
    return patterns.enumerated().filter { !patterns[..<$0.offset].contains($0.element) }.map(\.element)
  }

  /// Reports a text that is no pattern; `problem` is what is wrong with one that could be a unit's name.
  private func reportName(_ text: String, at place: Place, _ problem: String, _ remedy: String) {
    if text.isEmpty { return findings.error(place, "has an empty name", remedy) }
    let foreign = UnitPattern.foreignCharacter(in: text)
    findings.error(place, "names '\(text)', \(foreign.map { "and no unit's name has '\($0)'" } ?? problem)", remedy)
  }

  /// The service that was probably meant: that of the same name, or the one that a unit of another type starts. Never the daemon's own.
  private static func service(_ text: String) -> UnitPattern? {
    let name = Self.name(in: text)
    let starters = [".timer", ".socket", ".path"]
    let others = [".service", ".mount", ".swap", ".automount", ".device", ".target", ".slice", ".scope"]
    if others.contains(where: { name.hasSuffix($0) }) {
      return name != text ? UnitPattern(name).flatMap { $0.isOfServices && !isOwn($0) ? $0 : nil } : nil
    }
    let stem = starters.first { name.hasSuffix($0) }.map { name.dropLast($0.count) } ?? name[...]
    return UnitPattern("\(stem).service").flatMap { isOwn($0) ? nil : $0 }
  }

  /// The last part of a path.
  private static func name(in text: String) -> String { text.split(separator: "/").last.map(String.init) ?? "" }

  private static func isOwn(_ pattern: UnitPattern) -> Bool {
    UnitName(RolekeeperUnit.service).map(pattern.matches) == true
  }
}
