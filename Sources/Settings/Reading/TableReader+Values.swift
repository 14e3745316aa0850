import Core

extension TableReader {
  func text(_ key: TextKey) -> String? {
    guard let node = member(key) else {
      if key.isRequired { reportMissing(key) }
      return key.standard
    }
    guard case .string(let text) = node.value else {
      reportType(key, node)
      return nil
    }
    if text.isEmpty {
      findings.error(place(of: key), "is empty", key.remedy())
      return nil
    }
    return text
  }

  /// The strings of a list and their places; other elements are reported. `isRequired` is whether the line can't be removed, because
  /// of other keys.
  func texts(_ key: TextsKey, isRequired: Bool = false) -> [(text: String, place: Place)] {
    guard let node = member(key) else { return [] }
    let remedy = isRequired ? key.requiredRemedy() : key.remedy()
    guard case .array(let items) = node.value else {
      if case .string(let text) = node.value {
        reportType(key, node, instead: "[\"\(text)\"]")
      } else {
        findings.error(place(of: key), "is \(node.value.article), expected \(key.type.withArticle)", remedy)
      }
      return []
    }
    if items.count > key.most {
      findings.error(place(of: key), "has \(items.count), allowed are \(key.most)", "remove the others")
    }
    return items.compactMap { item in
      let place = Place(file: place.file, line: item.line, key: place(of: key).key)
      if case .string(let text) = item.value { return (text, place) }
      findings.error(place, "has \(item.value.article), expected \(key.form)", remedy)
      return nil
    }
  }

  func choice(_ key: ChoiceKey) -> String? {
    guard let node = member(key) else {
      if key.standard == nil { reportMissing(key) }
      return key.standard
    }
    guard case .string(let text) = node.value else {
      reportType(key, node)
      return nil
    }
    guard key.choices.contains(text) else {
      let near = Spelling.nearest(to: text, among: key.choices).map { "\"\($0)\"" }
      let allowed = key.choices.map { "'\($0)'" }.joined(separator: ", ")
      let problem = key.choices.count == 1 ? "the only allowed value is \(allowed)" : "allowed are \(allowed)"
      findings.error(place(of: key), "is '\(text)', \(problem)", key.remedy(near))
      return nil
    }
    return text
  }

  func duration(_ key: DurationKey) -> Duration? {
    guard let node = member(key) else { return key.standard }
    switch node.value {
    case .string(let text):
      guard let value = Duration(text: text) else {
        findings.error(
          place(of: key), "is '\(text)', which is no duration: whole numbers with the units h, min, s, as in 1h30min",
          key.remedy(Int64(text).map { "\"\(key.near(seconds: $0).text)\"" }))
        return nil
      }
      guard key.allowed.contains(value) else {
        reportRange(key, value, key.allowed)
        return nil
      }
      return value
    case .integer(let number):
      findings.error(
        place(of: key), "is the number \(number) without a unit", key.remedy("\"\(key.near(seconds: number).text)\""))
      return nil
    default:
      reportType(key, node)
      return nil
    }
  }

  /// Reports a duration outside the range that its key, or other settings, allow.
  func reportRange(_ key: DurationKey, _ value: Duration, _ allowed: ClosedRange<Duration>, because: String = "") {
    let near = min(max(value, allowed.lowerBound), allowed.upperBound)
    let written = member(key).flatMap { node in if case .string(let text) = node.value { text } else { nil } }
    findings.error(
      place(of: key),
      "is \(written ?? value.text), allowed are \(allowed.lowerBound.text) to \(allowed.upperBound.text)\(because)",
      key.remedy("\"\(near.text)\""))
  }

  func integer(_ key: IntegerKey) -> Int? {
    guard let node = member(key) else { return Int(key.standard) }
    guard case .integer(let number) = node.value else {
      reportType(key, node, instead: node.value.integer.map { "\(key.near($0))" })
      return nil
    }
    guard key.allowed.contains(number) else {
      findings.error(
        place(of: key), "is \(number), allowed are \(key.allowed.lowerBound) to \(key.allowed.upperBound)",
        key.remedy("\(key.near(number))"))
      return nil
    }
    return Int(number)
  }

  func number(_ key: NumberKey) -> Double? {
    guard let node = member(key) else { return key.standard }
    let number: Double
    switch node.value {
    case .integer(let whole): number = Double(whole)
    case .float(let value): number = value
    default:
      reportType(key, node)
      return nil
    }
    guard key.allowed.contains(number) else {
      let near = number > key.allowed.upperBound ? key.allowed.upperBound : key.allowed.lowerBound
      findings.error(
        place(of: key),
        "is \(number.plain), allowed are \(key.allowed.lowerBound.plain) to \(key.allowed.upperBound.plain)",
        key.remedy(near.plain))
      return nil
    }
    return number
  }

  func flag(_ key: FlagKey) -> Bool? {
    guard let node = member(key) else { return false }
    guard case .boolean(let value) = node.value else {
      reportType(key, node)
      return nil
    }
    return value
  }

  /// Permissions. If a number is written instead of a string, its base can only be guessed, and the proposal has
  /// `allowed` bits only.
  func mode(_ key: ModeKey, allowed: UInt32) -> UInt32? {
    guard let node = member(key) else { return key.standard }
    switch node.value {
    case .string(let text):
      guard (3...4).contains(text.utf8.count), text.utf8.allSatisfy(\.isDigit), let mode = UInt32(text, radix: 8) else {
        findings.error(place(of: key), "is '\(text)', expected permissions as octal digits", key.remedy())
        return nil
      }
      return mode
    case .integer(let number):
      findings.error(
        place(of: key), "is a number, expected \(key.type.withArticle)",
        key.remedy("\"\(Self.mode(meantBy: number, allowed: allowed) ?? key.standard.octal)\""))
      return nil
    default:
      reportType(key, node)
      return nil
    }
  }

  /// 440 is meant as it looks; 288 was written as 0o440. The interpretation that makes sense as permissions is taken.
  private static func mode(meantBy number: Int64, allowed: UInt32) -> String? {
    let readings = [UInt32("\(number)", radix: 8), UInt32(exactly: number)]
    return readings.compactMap { $0 }.first { $0 != 0 && $0 & ~allowed == 0 }?.octal
  }
}

extension DurationKey {
  /// The allowed duration that is nearest to this number of seconds.
  fileprivate func near(seconds: Int64) -> Duration {
    .seconds(min(max(seconds, allowed.lowerBound.wholeSeconds), allowed.upperBound.wholeSeconds))
  }
}

extension IntegerKey {
  fileprivate func near(_ number: Int64) -> Int64 { min(max(number, allowed.lowerBound), allowed.upperBound) }
}

extension TOMLNode.Value {
  /// The whole number in quotes, or written with a fraction of zero.
  fileprivate var integer: Int64? {
    switch self {
    case .string(let text): Int64(text)
    case .float(let number): Int64(exactly: number)
    default: nil
    }
  }
}
