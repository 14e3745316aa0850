import Core
import Wire

/// `status ROLE`: everything that is known about one role, each on a line.
enum RoleDetail {
  static func render(_ role: RoleStatus, on terminal: Terminal, userName: (UInt32) -> String) -> String {
    let lines = lines(of: role, userName)
    let width = lines.map(\.title.count).max() ?? 0
    let text = lines.flatMap { title, cell in
      let label = title + String(repeating: " ", count: width - title.count) + "  "
      let wrapped = TextLayout.wrapped(
        cell.text, width: terminal.width.map { max(20, $0 - label.count) })
      return wrapped.enumerated().map { number, line in
        let start =
          number == 0
          ? TextLayout.Colour.faint.paint(label, terminal.wantsColours) : String(repeating: " ", count: label.count)
        return start + cell.colour.paint(line, terminal.wantsColours)
      }
    }
    return text.joined(separator: "\n") + "\n"
  }

  private static func lines(
    of role: RoleStatus, _ userName: (UInt32) -> String
  ) -> [(title: String, cell: TextLayout.Cell)] {
    func cell(_ text: String?) -> TextLayout.Cell { TextLayout.Cell(text: text ?? "-") }
    func both(_ span: Duration?, _ time: UTCTime?) -> String? {
      span.map { span in span.text + (time.map { " (\($0))" } ?? "") }
    }
    return [
      ("role", cell(role.name)),
      ("state", TextLayout.Cell(text: role.state.rawValue, colour: StatusTable.colour(of: role.state))),
      ("access key id", cell(role.accessKeyID)),
      ("expires in", cell(both(role.expiresIn, role.expiresAt))),
      ("headroom", cell(role.headroom.text)),
      ("generation", cell(role.generation == 0 ? nil : "\(role.generation)")),
      ("next refresh in", cell(both(role.nextRefreshIn, role.nextRefreshAt) ?? "due now")),
      ("last success", cell(role.lastSuccessAt?.description)),
      ("last error", errorCell(of: role)),
      ("source", role.source.map(source) ?? cell(nil)),
    ] + chain(of: role) + [
      ("reservation", cell(role.reservation.map { reservation(text: $0, userName) }))
    ] + derived(of: role) + role.outputs.map { ("file", file($0)) } + role.units.map { ("unit", unit($0)) }
  }

  private static func derived(of role: RoleStatus) -> [(title: String, cell: TextLayout.Cell)] {
    let users: [(title: String, cell: TextLayout.Cell)]? = role.userSessions.map { users in
      let count = "\(withSession(users.count)) of \(users.count == 1 ? "its" : "their") own, \(users.most) at most"
      return [("your session", TextLayout.Cell(text: own(users))), ("users", TextLayout.Cell(text: count))]
    }
    return (users ?? []) + role.scopes.map { ("scope", scope($0)) }
  }

  /// What the user gets in place of the role's session, whose figures are in the lines above.
  private static func own(_ users: UserSessionsStatus) -> String {
    guard let id = users.accessKeyID else { return "none; one is fetched when you ask for it" }
    return id + (users.expiresAt.map { ", expires at \($0)" } ?? "")
  }

  private static func withSession(_ users: Int) -> String { "\(users) \(users == 1 ? "user" : "users") with a session" }

  /// The roles whose sessions sign, from this one to the source at the end.
  private static func chain(of role: RoleStatus) -> [(title: String, cell: TextLayout.Cell)] {
    guard let chain = role.source?.chain, !chain.isEmpty else { return [] }
    return [("chain", TextLayout.Cell(text: ([role.name] + chain).joined(separator: " ← ")))]
  }

  private static func source(_ source: RoleSource) -> TextLayout.Cell {
    let about = source.state == .keyNotTaken ? "new AccessKey: " : ""
    let error = source.error.map { ": \(about)\($0.code): \($0.advice)" } ?? ""
    let direct = source.directSince.map { "; the session is from STS (fallback) since \($0)" } ?? ""
    return TextLayout.Cell(
      text: "\(source.name)\(source.state.map { ", \($0.rawValue)" } ?? "")\(error)\(direct)",
      colour: source.state == .working ? .none : StatusTable.colour(of: source.state))
  }

  static func scope(_ scope: ScopeStatus) -> TextLayout.Cell {
    let users = scope.users.map { ", \(withSession($0))" } ?? ""
    guard let state = scope.state else {
      return TextLayout.Cell(
        text: "\(scope.name): \(scope.users == nil ? "not in use" : "no session of yours")\(users)")
    }
    let life = scope.expiresIn.map { ", \(scope.accessKeyID ?? "-") expires in \($0.text)" } ?? ""
    let error = scope.lastError.map { ": \($0.code): \($0.advice)" } ?? ""
    return TextLayout.Cell(
      text: "\(scope.name): \(state.rawValue)\(life)\(users)\(error)", colour: StatusTable.colour(of: state))
  }

  private static func file(_ output: OutputStatus) -> TextLayout.Cell {
    if let error = output.lastError {
      let since = output.since.map { " since \($0)" } ?? ""
      return TextLayout.Cell(
        text: "\(output.path): \(content(of: output)); not as it should be\(since): \(error)", colour: .warning)
    }
    return TextLayout.Cell(text: "\(output.path): \(content(of: output))")
  }

  private static func unit(_ unit: UnitRefreshStatus) -> TextLayout.Cell {
    let word = unit.result?.rawValue.map { $0 == "_" ? " " : "\($0)" }.joined() ?? "unknown"
    let at = unit.at.map { " at \($0)" } ?? ""
    let error = unit.lastError.map { ": \($0)" } ?? ""
    return TextLayout.Cell(
      text: "\(unit.unit): \(word) for generation \(unit.generation)\(at)\(error)",
      colour: unit.result?.isFailure == true ? .warning : .none)
  }

  private static func content(of output: OutputStatus) -> String {
    switch output.content {
    case .none: return "no valid credential in it"
    case .unknown: return "not known what is in it"
    case .valid:
      let end = output.expiresAt.map { ", expires at \($0)" } ?? ""
      return (output.generation.map { "generation \($0)" } ?? "a credential of a generation that isn't known") + end
    }
  }

  private static func errorCell(of role: RoleStatus) -> TextLayout.Cell {
    let cell = StatusTable.error(of: role)
    guard let request = role.lastError?.requestID else { return cell }
    return TextLayout.Cell(text: "\(cell.text) (request \(request))", colour: cell.colour)
  }

  private static func reservation(text reservation: ReservationStatus, _ userName: (UInt32) -> String) -> String {
    let holders = holders(of: reservation, userName)
    return "a session of \(reservation.duration.text), expires in \(reservation.expiresIn.text), held by \(holders)"
  }

  static func holders(of reservation: ReservationStatus, _ userName: (UInt32) -> String) -> String {
    if reservation.uids.isEmpty { return "nobody yet" }
    let isCut = reservation.uids.count == ReservationStatus.mostUIDs
    return reservation.uids.map(userName).joined(separator: ", ") + (isCut ? ", …" : "")
  }
}
