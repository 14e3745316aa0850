import Core

/// One metric in Prometheus' text format 0.0.4: help and type, then its samples.
struct MetricText {
  private(set) var text: LongText
  /// The beginning of a sample with labels, and `role="` after it.
  private let labelled: [UInt8]
  private let ofRole: [UInt8]

  /// `expected` is the approximate number of samples.
  init(_ name: String, _ type: String, _ help: String, expecting expected: Int = 0) {
    let head = "# HELP \(name) \(help)\n# TYPE \(name) \(type)\n"
    labelled = Array("\(name){".utf8)
    ofRole = labelled + Array(#"role=""#.utf8)
    // With a name of some ten characters, another label and the number.
    text = LongText(expecting: head.utf8.count + expected * (ofRole.count + 48))
    text.append(Array(head.utf8))
  }

  /// `labels` as they are written between the braces.
  mutating func add(labels: String, _ value: Double) {
    text.open += labelled
    text.open.append(text: labels)
    text.open.append(UInt8(ascii: "}"))
    end(value)
  }

  /// A sample without labels.
  mutating func add(_ value: Double) {
    text.open += labelled.dropLast()
    end(value)
  }

  /// A sample of a role; `labels` follow the role's label, each with a leading comma. Written piece by piece: with thousands of
  /// roles, joining each line first takes many times as long.
  mutating func add(role: String, labels: String = "", _ value: Double) {
    text.open += ofRole
    text.open.append(text: role)
    text.open.append(UInt8(ascii: "\""))
    if !labels.isEmpty { text.open.append(text: labels) }
    text.open.append(UInt8(ascii: "}"))
    end(value)
  }

  /// No sample for nil.
  mutating func add(role: String, orNone value: Double?) {
    if let value { add(role: role, value) }
  }

  private mutating func end(_ value: Double) {
    text.open.append(UInt8(ascii: " "))
    text.open.append(figure: value)
    text.open.append(UInt8(ascii: "\n"))
    text.endBit()
  }

  /// A label value that may come from outside; role names and numbers need no escapes.
  static func escaped(_ value: String) -> String {
    guard value.utf8.contains(where: { $0 == 0x22 || $0 == 0x5C || $0 == 0x0A }) else { return value }
    return escapedByCharacter(value)
  }

  private static func escapedByCharacter(_ value: String) -> String {
    String(value.flatMap { $0 == "\"" || $0 == "\\" ? ["\\", $0] : $0 == "\n" ? ["\\", "n"] : [$0] })
  }
}

extension [UInt8] {
  fileprivate mutating func append(text: String) {
    var text = text
    text.withUTF8 { append(contentsOf: $0) }
  }

  /// Whole numbers without a point, others with three decimals, and below 0.1 with three digits that count: the rate of a host may be a hundredth
  /// of one call per second.
  mutating func append(figure value: Double) {
    if value != 0, abs(value) < 0.1 { return append(text: value.decimalText(places: 3, atLeast: 3)) }
    let thousandths = (value * 1000).rounded()
    // Above that, a Double can't represent all numbers of thousandths.
    guard abs(thousandths) < 1e15 else { return append(text: Self.text(of: thousandths / 1000)) }
    let number = Int64(thousandths)
    if number < 0 { append(UInt8(ascii: "-")) }
    let (whole, fraction) = number.magnitude.quotientAndRemainder(dividingBy: 1000)
    append(digitsOf: whole)
    if fraction == 0 { return }
    append(UInt8(ascii: "."))
    var (rest, unit) = (fraction, UInt64(100))
    while rest > 0 {
      append(UInt8(ascii: "0") + UInt8(rest / unit))
      (rest, unit) = (rest % unit, unit / 10)
    }
  }

  private mutating func append(digitsOf number: UInt64) {
    var unit: UInt64 = 1
    while number / unit >= 10 { unit *= 10 }
    var rest = number
    while unit > 0 {
      append(UInt8(ascii: "0") + UInt8(rest / unit))
      (rest, unit) = (rest % unit, unit / 10)
    }
  }

  private static func text(of value: Double) -> String {
    value == value.rounded() && abs(value) < 1e15 ? String(Int64(value)) : String(value)
  }
}
