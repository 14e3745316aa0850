/// One figure, beside the figure it is held against.
struct Row {
  let measure: String
  let unit: String
  var finding: Finding
  /// What the yardstick is, in the table.
  var beside = ""
  var target: Target?

  init(measure: String, unit: String, ours: Double, target: Target? = nil) {
    self.measure = measure
    self.unit = unit
    finding = Finding(ours: ours)
    self.target = target
  }

  /// A figure that the design sets a bound for.
  static func bounded(_ measure: String, _ unit: String, _ ours: Double, atMost bound: Double) -> Row {
    Row(measure: measure, unit: unit, ours: ours, target: .figureAtMost(bound))
  }

  /// Medians over rounds in which both had their turn. The ratio is the median of the rounds' ratios: what troubled the machine
  /// for a while troubled both.
  static func compared(
    _ measure: String, _ unit: String, _ ours: [Double], with yardstick: [Double], beside: String,
    target: Target? = nil
  ) -> Row {
    var row = Row(measure: measure, unit: unit, ours: median(ours), target: target)
    row.finding.yardstick = median(yardstick)
    row.finding.ratio = median(zip(ours, yardstick).map { $0 / $1 })
    row.beside = beside
    return row
  }
}

/// What was measured for a row in one run.
struct Finding: Equatable {
  var ours: Double
  /// Nil where there is nothing to hold it against.
  var yardstick: Double?
  var ratio: Double?

  /// What is found in the middle of several runs, each figure by itself.
  init(medianOf runs: [Finding]) {
    func middle(_ values: [Double]) -> Double? { values.isEmpty ? nil : median(values) }
    ours = median(runs.map(\.ours))
    yardstick = middle(runs.compactMap(\.yardstick))
    ratio = middle(runs.compactMap(\.ratio))
  }

  init(ours: Double, yardstick: Double? = nil, ratio: Double? = nil) {
    self.ours = ours
    self.yardstick = yardstick
    self.ratio = ratio
  }
}

/// The bound that the design sets.
enum Target {
  case figureAtMost(Double)
  /// `orOver` is how much ours may be over the yardstick instead, in the row's unit.
  case ratioAtMost(Double, orOver: Double? = nil)
  case ratioAtLeast(Double)

  func isMet(by finding: Finding) -> Bool {
    switch self {
    case .figureAtMost(let bound): return finding.ours <= bound
    case .ratioAtLeast(let bound): return finding.ratio.map { $0 >= bound } ?? false
    case .ratioAtMost(let bound, let over):
      guard let yardstick = finding.yardstick, let ratio = finding.ratio else { return false }
      return ratio <= bound || over.map { finding.ours - yardstick <= $0 } ?? false
    }
  }

  func text(_ unit: String) -> String {
    switch self {
    case .figureAtMost(let bound): "≤ \(figure(bound)) \(unit)"
    case .ratioAtLeast(let bound): "≥ \(figure(bound))"
    case .ratioAtMost(let bound, let over):
      "≤ \(figure(bound))" + (over.map { ", or \(figure($0)) \(unit) over" } ?? "")
    }
  }
}

func median(_ values: [Double]) -> Double {
  let sorted = values.sorted()
  guard let last = sorted.last else { return .nan }
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + (sorted.count > 1 ? sorted[middle] : last)) / 2
}

/// Three significant digits, as plain as they can be written.
func figure(_ value: Double) -> String {
  guard value.isFinite else { return "–" }
  let size = abs(value)
  if size >= 100 || value == value.rounded() && size >= 1 { return grouped(Int64(value.rounded())) }
  let scale: Double = size >= 10 ? 10 : size >= 1 ? 100 : 1000
  return "\((value * scale).rounded() / scale)"
}

/// A whole number with a blank between thousands.
private func grouped(_ value: Int64) -> String {
  var digits = String(abs(value))
  var parts: [String] = []
  while digits.count > 3 {
    parts.insert(String(digits.suffix(3)), at: 0)
    digits.removeLast(3)
  }
  return (value < 0 ? "-" : "") + ([digits] + parts).joined(separator: " ")
}
