import Core

extension TableReader {
  /// Patterns of the names of units that run programs, each once.
  func unitPatterns(_ key: TextsKey) -> [UnitPattern] {
    patterns(key) { text, place in
      if let pattern = UnitPattern(text) {
        context.unitsPlace = context.unitsPlace ?? place
        return pattern
      }
      let whole = text.contains(".") || text.contains("*") ? nil : UnitPattern(text + ".service")
      findings.error(
        place, "names '\(text)', which is no unit that runs programs", key.remedy(whole.map { "[\"\($0)\"]" }))
      return nil
    }
  }

  /// Patterns of services' names, each once, and none for the daemon's own unit.
  func servicePatterns(_ key: TextsKey) -> [UnitPattern] {
    patterns(key) { text, place in
      guard let pattern = UnitPattern(text), pattern.isOfServices else {
        let whole = text.hasSuffix(".service") ? nil : UnitPattern(Self.stem(text) + ".service")
        findings.error(place, "names '\(text)', which is no service", key.remedy(whole.map { "[\"\($0)\"]" }))
        return nil
      }
      guard UnitName(RolekeeperUnit.service).map(pattern.matches) != true else {
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
      if text.hasSuffix("@.service") {
        findings.error(
          place, "names '\(text)', which is a template and never runs itself",
          "write \"\(text.dropLast(".service".count))*.service\" for all its instances")
        return nil
      }
      return pattern(text, place)
    }
    return patterns.enumerated().filter { !patterns[..<$0.offset].contains($0.element) }.map(\.element)
  }

  /// Without the type of another unit.
  private static func stem(_ text: String) -> Substring {
    let types = [".timer", ".socket", ".path", ".mount", ".target", ".slice", ".scope", ".swap"]
    return types.first { text.hasSuffix($0) }.map { text.dropLast($0.count) } ?? text[...]
  }
}
