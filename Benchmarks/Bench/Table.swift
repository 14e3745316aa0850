/// Rows as a table in Markdown.
enum Table {
  /// `runs` are what whole runs found, by measure; nil for a table of the rows' own figures alone. Of several runs each figure is the median,
  /// with the least and the most of what is judged in parentheses: the ratio, or the figure itself where it has none.
  static func markdown(_ rows: [Row], over runs: [[String: Finding]]? = nil) -> String {
    let head = "| measure | unit | ours | yardstick | ratio | target | |\n|---|---|---|---|---|---|---|\n"
    return head + rows.map { line($0, findings(of: $0, in: runs)) }.joined()
  }

  /// Those rows that miss their targets, with what they found in the middle.
  static func missed(_ rows: [Row], over runs: [[String: Finding]]? = nil) -> [(row: Row, finding: Finding)] {
    rows.compactMap { row in
      let finding = Finding(medianOf: findings(of: row, in: runs))
      return row.target?.isMet(by: finding) == false ? (row, finding) : nil
    }
  }

  private static func findings(of row: Row, in runs: [[String: Finding]]?) -> [Finding] {
    runs?.compactMap { $0[row.measure] } ?? [row.finding]
  }

  private static func line(_ row: Row, _ findings: [Finding]) -> String {
    let middle = Finding(medianOf: findings)
    let ratios = findings.compactMap(\.ratio)
    let ours = ratios.isEmpty ? spread(findings.map(\.ours)) : figure(middle.ours)
    let cells = [
      "`\(row.measure)`", row.unit, ours, middle.yardstick.map { "\(figure($0)) (\(row.beside))" } ?? "–",
      ratios.isEmpty ? "–" : spread(ratios), row.target?.text(row.unit) ?? "",
      row.target.map { $0.isMet(by: middle) ? "met" : "**missed**" } ?? "",
    ]
    return "| \(cells.joined(separator: " | ")) |\n"
  }

  private static func spread(_ values: [Double]) -> String {
    guard values.count > 1, let least = values.min(), let most = values.max() else { return figure(median(values)) }
    return "\(figure(median(values))) (\(figure(least))–\(figure(most)))"
  }
}
