/// The figures of `/metrics`.
struct Prometheus {
  private let lines: [Substring]

  init(_ text: String) { lines = text.split(separator: "\n") }

  /// A figure without labels.
  subscript(_ name: String) -> Double? {
    lines.first { $0.hasPrefix("\(name) ") }.flatMap { Double($0.dropFirst(name.utf8.count + 1)) }
  }
}
