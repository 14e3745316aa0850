import TestSupport

/// One figure, beside the figure it is held against.
struct Row {
  let measure: String
  let unit: String
  let ours: Double
  /// Nil where there is nothing to hold it against.
  var yardstick: Double?
  var ratio: Double?
  /// What the yardstick is, in the table.
  var beside = ""
  /// The bound that the ratio is to keep, from the design.
  var target: Target?

  /// A figure beside the bound that the design sets for it.
  static func bounded(_ measure: String, _ unit: String, _ ours: Double, atMost bound: Double) -> Row {
    Row(
      measure: measure, unit: unit, ours: ours, yardstick: bound, ratio: ours / bound, beside: "the target",
      target: .atMost(1))
  }

  /// Medians over rounds in which both had their turn. The ratio is the median of the rounds' ratios: what troubled the machine
  /// for a while troubled both.
  static func compared(
    _ measure: String, _ unit: String, _ ours: [Double], with yardstick: [Double], beside: String,
    target: Target? = nil
  ) -> Row {
    Row(
      measure: measure, unit: unit, ours: median(ours), yardstick: median(yardstick),
      ratio: median(zip(ours, yardstick).map { $0 / $1 }), beside: beside, target: target)
  }
}

/// The bound that a ratio is to keep.
enum Target {
  case atMost(Double)
  case atLeast(Double)

  func isMet(by ratio: Double) -> Bool {
    switch self {
    case .atMost(let bound): ratio <= bound
    case .atLeast(let bound): ratio >= bound
    }
  }

  var text: String {
    switch self {
    case .atMost(let bound): "≤ \(figure(bound))"
    case .atLeast(let bound): "≥ \(figure(bound))"
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
