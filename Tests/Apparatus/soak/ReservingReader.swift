import Laboratory
import TestSupport

/// Asks for sessions with at least so much left, and must get no shorter one.
struct ReservingReader: Reader {
  private let stage: Stage
  private let judge: Judge
  private let role: String

  init(_ stage: Stage, _ judge: Judge, role: String) {
    self.stage = stage
    self.judge = judge
    self.role = role
  }

  mutating func step(_ chance: inout SeededGenerator) throws {
    let least = [300, 600, 1200, 2400].randomElement(using: &chance)!
    let moment = stage.moment
    let readAt = wallClock()
    let reply: HTTPReply
    do {
      let connection = try StreamConnection(unix: stage.socketPath)
      try connection.request("GET", "/v1/roles/\(role)/credentials?min_ttl=\(least)&wait=5")
      reply = try connection.readReply()
    } catch {
      return stage.noteBroken(error, since: moment)
    }
    switch reply.status {
    case 200: try judge.use(reply.body, of: role, readAt: readAt, least: least, by: .reservation)
    case 429, 503: stage.findings.note { $0.putOff += 1 }
    default: stage.findings.wrong("no reservation", "role \(role): \(reply.status) \(reply.body)")
    }
  }
}
