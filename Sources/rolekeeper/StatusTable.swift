import Core
import Wire

/// The table of `status`.
///
/// On a terminal, no line is wider than the window: errors are below their role, and if the columns don't fit, the
/// least important ones are left out. Elsewhere each role is one line, for programs that read lines.
enum StatusTable {
  typealias Cell = TextLayout.Cell

  /// A column for roles; the one with the highest number is left out first.
  private struct Column: Sendable {
    let title: String
    let rank: Int
    let cell: @Sendable (RoleStatus) -> Cell
  }

  private static let columns = [
    Column(title: "ROLE", rank: 0) { Cell(text: $0.name) },
    Column(title: "STATE", rank: 0) { Cell(text: $0.state.rawValue, colour: colour(of: $0.state)) },
    Column(title: "EXPIRES IN", rank: 0) { Cell(text: $0.expiresIn?.shortText ?? "-") },
    Column(title: "HEADROOM", rank: 1) { Cell(text: $0.headroom.shortText) },
    Column(title: "GEN", rank: 3) { Cell(text: $0.generation == 0 ? "-" : "\($0.generation)") },
    Column(title: "NEXT REFRESH", rank: 2) { Cell(text: $0.nextRefreshIn.map { "in \($0.shortText)" } ?? "now") },
  ]

  static func render(
    _ roles: [RoleStatus], report: StatusReport?, scopes: [ScopeStatus] = [], on terminal: Terminal,
    userName: (UInt32) -> String
  ) -> String {
    var lines: [String] = []
    if let report {
      lines += summary(report).flatMap { TextLayout.wrapped($0, width: terminal.width, indent: "  ") } + [""]
    }
    lines += table(of: roles, on: terminal)
    if roles.isEmpty { lines.append(report == nil ? "no role that you may read" : "no role in the settings") }
    lines += derived(of: roles, and: scopes, on: terminal)
    lines += files(of: roles, on: terminal) + reservations(of: roles, on: terminal, userName)
    if let report {
      lines +=
        sources(of: report, on: terminal) + machines(of: report, on: terminal) + endpoints(of: report, on: terminal)
    } else {
      lines += sourcesForReaders(of: roles, on: terminal)
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// First how many roles work, then what applies to all of them.
  private static func summary(_ report: StatusReport) -> [String] {
    var lines = ["rolekeeper \(report.version), pid \(report.pid): \(Headline(report.roles).text)"]
    let general: [Health.Reason.Kind] = [
      .settings, .incompleteSettings, .caFile, .loopback, .connections, .shortSessions,
    ]
    lines += report.health.reasons.filter { general.contains($0.kind) }.map(\.detail)
    if report.rate.isLowered {
      let (now, most) = (rate(report.rate.requestsPerSecond), rate(report.rate.configured))
      lines.append("STS has throttled calls: now \(now) of \(most) per second are allowed")
    }
    if let fleet = report.fleet { lines.append("fleet: \(fleet.text)") }
    return lines
  }

  private static func rate(_ number: Double) -> String { RateStatus.text(number) }

  // MARK: - Roles

  private static func table(of roles: [RoleStatus], on terminal: Terminal) -> [String] {
    guard let width = terminal.width else {
      let rows = roles.map { role in Self.columns.map { $0.cell(role) } + [error(of: role)] }
      return TextLayout.table(Self.columns.map(\.title) + ["LAST ERROR"], rows, colours: terminal.wantsColours)
    }
    let columns = fitting(roles, width)
    let lines = TextLayout.table(
      columns.map(\.title), roles.map { role in columns.map { $0.cell(role) } }, colours: terminal.wantsColours)
    return lines.prefix(1)
      + zip(roles, lines.dropFirst()).flatMap { role, line in
        [line] + errorLines(of: role, width, terminal.wantsColours)
      }
  }

  /// The columns that fit; the least important ones are left out one by one.
  private static func fitting(_ roles: [RoleStatus], _ width: Int) -> [Column] {
    var shown = columns
    for rank in [3, 2, 1] {
      let rows = roles.map { role in shown.map { $0.cell(role) } }
      if TextLayout.width(shown.map(\.title), rows) <= width { break }
      shown.removeAll { $0.rank == rank }
    }
    return shown
  }

  private static func errorLines(of role: RoleStatus, _ width: Int, _ colours: Bool) -> [String] {
    guard role.lastError != nil || role.source?.directSince != nil else { return [] }
    let cell = error(of: role)
    return TextLayout.wrapped(cell.text, width: width - 2, indent: "  ").enumerated().map { number, line in
      cell.colour.paint(number == 0 ? "  " + line : line, colours)
    }
  }

  static func error(of role: RoleStatus) -> Cell {
    guard let error = role.lastError else {
      guard let since = role.source?.directSince else { return Cell(text: "-", colour: .faint) }
      return Cell(text: "from STS (fallback) since \(since)", colour: .warning)
    }
    return Cell(
      text: "\(error.code)\(times(of: error)): \(error.advice)", colour: role.state.hasSession ? .warning : .bad)
  }

  /// The first failure of the series may have been a different one.
  private static func times(of error: LastError) -> String {
    guard let since = error.since else { return "" }
    guard let at = error.at, at != since else { return " since \(since)" }
    return " at \(at), failing since \(since)"
  }

  static func colour(of state: RoleState) -> TextLayout.Colour {
    switch state {
    case .valid: .good
    case .waiting: .faint
    case .failing, .belowFloor: .warning
    case .lapsed: .bad
    }
  }

  // MARK: - What follows

  /// Scopes, of these roles and `others`, and the sessions of users.
  private static func derived(
    of roles: [RoleStatus], and others: [ScopeStatus], on terminal: Terminal
  ) -> [String] {
    var rows: [[Cell]] = []
    for role in roles {
      if let users = role.userSessions {
        rows.append([
          Cell(text: role.name), Cell(text: "-"), Cell(text: "-"), Cell(text: "-"), Cell(text: "\(users.count)"),
        ])
      }
      rows += role.scopes.map(row)
    }
    return section(["ROLE", "SCOPE", "STATE", "EXPIRES IN", "USERS"], rows + others.map(row), on: terminal)
  }

  private static func row(of scope: ScopeStatus) -> [Cell] {
    let state = scope.state.map { Cell(text: $0.rawValue, colour: colour(of: $0)) } ?? Cell(text: "-", colour: .faint)
    return [
      Cell(text: scope.role), Cell(text: scope.name), state, Cell(text: scope.expiresIn?.shortText ?? "-"),
      Cell(text: scope.users.map { "\($0)" } ?? "-"),
    ]
  }

  /// The files that differ from the settings.
  private static func files(of roles: [RoleStatus], on terminal: Terminal) -> [String] {
    let rows = roles.flatMap { role in role.outputs.filter { $0.lastError != nil }.map { (role.name, $0) } }
      .map { name, output in
        [
          Cell(text: output.path), Cell(text: name), Cell(text: generation(of: output)),
          Cell(text: output.since?.description ?? "-"), Cell(text: output.lastError ?? "", colour: .warning),
        ]
      }
    return section(["FILE", "ROLE", "GEN", "FAILING SINCE", "LAST ERROR"], rows, on: terminal)
  }

  private static func generation(of output: OutputStatus) -> String {
    if let generation = output.generation { return "\(generation)" }
    return output.content == .none ? "-" : "?"
  }

  private static func reservations(
    of roles: [RoleStatus], on terminal: Terminal, _ userName: (UInt32) -> String
  ) -> [String] {
    let rows = roles.compactMap { role in role.reservation.map { (role.name, $0) } }.map { name, reservation in
      [
        Cell(text: name), Cell(text: reservation.expiresIn.shortText), Cell(text: reservation.duration.shortText),
        Cell(text: RoleDetail.holders(of: reservation, userName)),
      ]
    }
    return section(["RESERVATION", "EXPIRES IN", "DURATION", "HELD BY"], rows, on: terminal)
  }

  private static func sources(of report: StatusReport, on terminal: Terminal) -> [String] {
    let rows = report.sources.map { source in
      [
        Cell(text: source.name), Cell(text: source.state?.rawValue ?? "-", colour: colour(of: source.state)),
        Cell(text: source.accessKeyID ?? "-"), Cell(text: source.inUseSince?.description ?? "-"),
        Cell(text: source.provenAt?.description ?? "-"), Cell(text: source.lastAcceptedAt?.description ?? "-"),
      ]
    }
    let remarks = report.sources.flatMap { [$0.origin, $0.certificateText].compactMap(\.self) + $0.remarks }
    return section(["SOURCE", "STATE", "ACCESS KEY ID", "IN USE SINCE", "PROVEN", "LAST ACCEPTED"], rows, on: terminal)
      + remarks.flatMap { TextLayout.wrapped($0, width: terminal.width, indent: "  ") }
  }

  /// The sources as readers see them: only if they have a problem.
  private static func sourcesForReaders(of roles: [RoleStatus], on terminal: Terminal) -> [String] {
    var sources: [RoleSource] = []
    for source in roles.compactMap(\.source) where source.state != .working && !sources.contains(source) {
      sources.append(source)
    }
    guard !sources.isEmpty else { return [] }
    let rows = sources.map { source in
      [
        Cell(text: source.name), Cell(text: source.state?.rawValue ?? "-", colour: colour(of: source.state)),
        Cell(text: source.error?.code ?? "-"),
      ]
    }
    let remarks = sources.compactMap(\.trouble)
    return section(["SOURCE", "STATE", "LAST ERROR"], rows, on: terminal)
      + remarks.flatMap { TextLayout.wrapped($0, width: terminal.width, indent: "  ") }
  }

  static func colour(of state: SourceState?) -> TextLayout.Colour {
    switch state {
    case .working: .good
    case nil, .unproven, .proving, .fetching: .faint
    case .keyNotTaken, .unreadable, .notRenewed: .warning
    case .refused, .noKey, .noCredential: .bad
    }
  }

  private static func endpoints(of report: StatusReport, on terminal: Terminal) -> [String] {
    // A single endpoint adds nothing to the roles' errors.
    guard report.endpoints.count > 1 else { return [] }
    if report.endpoints.contains(where: { $0.region != nil }) { return regions(of: report, on: terminal) }
    return answers(of: report.endpoints, "STS ENDPOINT", on: terminal)
  }

  /// The machines of the tiers, in the order of the settings.
  private static func machines(of report: StatusReport, on terminal: Terminal) -> [String] {
    report.sources.flatMap { source in
      source.tier.map { answers(of: $0.urls, "MACHINE OF '\(source.name)'", on: terminal) } ?? []
    }
  }

  private static func answers(of endpoints: [EndpointStatus], _ title: String, on terminal: Terminal) -> [String] {
    let rows = endpoints.map { endpoint in
      [
        Cell(text: endpoint.endpoint), Cell(text: "\(endpoint.answers)"), Cell(text: "\(endpoint.failures)"),
        Cell(text: endpoint.lastAnswerAt?.description ?? "-"),
        endpoint.latestFailure.map { Cell(text: $0, colour: .warning) } ?? Cell(text: "-", colour: .faint),
      ]
    }
    return section([title, "ANSWERS", "FAILED", "LAST ANSWER", "LAST ERROR"], rows, on: terminal)
  }

  /// In this host's order, the home region first.
  private static func regions(of report: StatusReport, on terminal: Terminal) -> [String] {
    let rows = report.endpoints.map { endpoint in
      [
        Cell(text: endpoint.endpoint),
        endpoint.region.map { Cell(text: $0.condition.rawValue, colour: colour(of: $0.condition)) } ?? Cell(text: "-"),
        Cell(text: endpoint.region.map { rate($0.requestsPerSecond) } ?? "-"), Cell(text: "\(endpoint.answers)"),
        Cell(text: "\(endpoint.throttled)"), Cell(text: "\(endpoint.failures)"),
        Cell(text: endpoint.lastAnswerAt?.description ?? "-"),
        endpoint.latestFailure.map { Cell(text: $0, colour: .warning) } ?? Cell(text: "-", colour: .faint),
      ]
    }
    let titles = ["STS REGION", "STATE", "RATE", "ANSWERS", "THROTTLED", "UNANSWERED", "LAST ANSWER", "LAST ERROR"]
    return section(titles, rows, on: terminal)
  }

  private static func colour(of condition: RegionStatus.Condition) -> TextLayout.Colour {
    switch condition {
    case .working: .good
    case .throttled: .warning
    case .failing: .bad
    }
  }

  /// A separate table below the others; on a terminal that is too narrow, a line for each cell.
  private static func section(_ titles: [String], _ rows: [[Cell]], on terminal: Terminal) -> [String] {
    if rows.isEmpty { return [] }
    guard let width = terminal.width, TextLayout.width(titles, rows) > width else {
      return [""] + TextLayout.table(titles, rows, colours: terminal.wantsColours)
    }
    return rows.flatMap { row in
      [""]
        + zip(titles, row).flatMap { title, cell in
          TextLayout.wrapped("\(title.lowercased()): \(cell.text)", width: width, indent: "  ")
        }
    }
  }
}
