import Core
import Wire

/// The table of `status`.
enum StatusTable {
  private enum Colour: String {
    case none = ""
    case good = "\u{1B}[32m"
    case warning = "\u{1B}[33m"
    case bad = "\u{1B}[31m"
    case faint = "\u{1B}[2m"
  }

  private struct Cell {
    let text: String
    var colour = Colour.none
  }

  static func render(_ roles: [RoleStatus], report: StatusReport?, colours: Bool) -> String {
    var text = ""
    if let report { text += summary(report) + "\n\n" }
    text += table(
      ["ROLE", "STATE", "EXPIRES IN", "HEADROOM", "GEN", "NEXT REFRESH", "LAST ERROR"], roles.map(row), colours)
    if roles.isEmpty { text += report == nil ? "no role that you may read\n" : "no role in the settings\n" }
    guard let report else { return text }
    let sources = report.sources.map { source in
      [
        Cell(text: source.name), Cell(text: source.state?.rawValue ?? "-", colour: colour(of: source.state)),
        Cell(text: source.accessKeyID ?? "-"), Cell(text: source.inUseSince?.description ?? "-"),
        Cell(text: source.provenAt?.description ?? "-"), Cell(text: source.lastAcceptedAt?.description ?? "-"),
      ]
    }
    text +=
      "\n"
      + table(["SOURCE", "STATE", "ACCESSKEYID", "IN USE SINCE", "PROVEN", "LAST ACCEPTED"], sources, colours)
      + report.sources.map { remarks(of: $0) }.joined()
    // One alone says nothing that the roles' errors don't.
    guard report.endpoints.count > 1 else { return text }
    let endpoints = report.endpoints.map { endpoint in
      [
        Cell(text: endpoint.endpoint), Cell(text: "\(endpoint.answers)"), Cell(text: "\(endpoint.misses)"),
        Cell(text: endpoint.lastAnswerAt?.description ?? "-"),
        endpoint.missing.map { Cell(text: $0, colour: .warning) } ?? Cell(text: "-", colour: .faint),
      ]
    }
    return text + "\n"
      + table(["STS ENDPOINT", "ANSWERS", "UNANSWERED", "LAST ANSWER", "LAST ERROR"], endpoints, colours)
  }

  private static func summary(_ report: StatusReport) -> String {
    let valid = report.roles.count { $0.state.hasSession }
    var line = "rolekeeper \(report.version), pid \(report.pid): \(valid) of \(report.roles.count) roles valid"
    if let least = report.roles.min(by: { $0.headroom < $1.headroom }) {
      line += "; if STS failed now, readers would keep their floor for \(least.headroom.text) ('\(least.name)' first)"
    }
    for reason in report.health.reasons where reason.kind == .settings { line += "\n\(reason.detail)" }
    if report.rate.requestsPerSecond < report.rate.configured * 0.99 {
      line += "\nSTS throttles us: calling at \(report.rate.requestsPerSecond) of \(report.rate.configured) per second"
    }
    return line
  }

  private static func row(_ role: RoleStatus) -> [Cell] {
    [
      Cell(text: role.name), Cell(text: role.state.rawValue, colour: colour(of: role.state)),
      Cell(text: role.expiresIn?.text ?? "-"), Cell(text: role.headroom.text),
      Cell(text: role.generation == 0 ? "-" : "\(role.generation)"),
      Cell(text: role.nextRefreshIn.map { "in \($0.text)" } ?? "now"), error(of: role),
    ]
  }

  private static func error(of role: RoleStatus) -> Cell {
    guard let error = role.lastError else { return Cell(text: "-", colour: .faint) }
    let since = error.since.map { " since \($0)" } ?? ""
    return Cell(text: "\(error.code)\(since): \(error.advice)", colour: role.state == .lapsed ? .bad : .warning)
  }

  /// What keeps a source from working, and a key that isn't taken, a line each.
  private static func remarks(of source: SourceStatus) -> String {
    var text = ""
    if let error = source.error { text += "source '\(source.name)': \(error.code): \(error.advice)\n" }
    guard let key = source.newKey else { return text }
    let name = key.accessKeyID.map { "new AccessKey \($0)" } ?? "new AccessKey"
    guard let error = key.error else { return text + "source '\(source.name)': \(name) is being proven\n" }
    return text + "source '\(source.name)': \(name) not taken: \(error.code): \(error.advice)\n"
  }

  private static func colour(of state: SourceState?) -> Colour {
    switch state {
    case .working: .good
    case nil, .unproven, .proving: .faint
    case .keyNotTaken, .unreadable: .warning
    case .refused, .noKey: .bad
    }
  }

  private static func colour(of state: RoleState) -> Colour {
    switch state {
    case .valid: .good
    case .waiting: .faint
    case .failing, .belowFloor: .warning
    case .lapsed: .bad
    }
  }

  private static func table(_ titles: [String], _ rows: [[Cell]], _ colours: Bool) -> String {
    let widths = titles.indices.map { column in
      max(titles[column].count, rows.map { $0[column].text.count }.max() ?? 0)
    }
    let lines = [titles.map { Cell(text: $0, colour: .faint) }] + rows
    return lines.map { line(of: $0, widths, colours) + "\n" }.joined()
  }

  private static func line(of cells: [Cell], _ widths: [Int], _ colours: Bool) -> String {
    cells.enumerated().map { column, cell in
      // The last column isn't padded: nothing follows it.
      let padding = column == cells.count - 1 ? 0 : widths[column] - cell.text.count
      let text = colours && cell.colour != .none ? "\(cell.colour.rawValue)\(cell.text)\u{1B}[0m" : cell.text
      return text + String(repeating: " ", count: padding)
    }.joined(separator: "  ")
  }
}
