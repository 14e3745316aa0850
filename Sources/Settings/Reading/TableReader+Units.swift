import Core

extension TableReader {
  /// Patterns of units' names, each once.
  func unitPatterns(_ key: TextsKey) -> [UnitPattern] {
    let patterns = texts(key).compactMap { text, place -> UnitPattern? in
      if text.hasSuffix("@.service") {
        findings.error(
          place, "names '\(text)', which is a template and never runs itself",
          "write \"\(text.dropLast(".service".count))*.service\" for all its instances")
        return nil
      }
      if let pattern = UnitPattern(text) {
        context.unitsPlace = context.unitsPlace ?? place
        return pattern
      }
      let whole = text.contains(".") || text.contains("*") ? nil : UnitPattern(text + ".service")
      findings.error(
        place, "names '\(text)', which is no unit that runs programs", key.remedy(whole.map { "[\"\($0)\"]" }))
      return nil
    }
    return patterns.enumerated().filter { !patterns[..<$0.offset].contains($0.element) }.map(\.element)
  }
}
