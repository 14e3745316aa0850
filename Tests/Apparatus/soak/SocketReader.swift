import Laboratory
import TestSupport

/// Reads any role over the socket, on a connection for each read or on one that it keeps.
struct SocketReader: Reader {
  private let stage: Stage
  private let judge: Judge
  private let keepsAlive: Bool
  /// The connection that is kept, and when it was made: the daemon may have been restarted between two reads.
  private var kept: (connection: StreamConnection, moment: Int)?
  /// The highest generation seen of each role since the daemon's start at `moment`.
  private var generations: [String: Int] = [:]
  private var moment = 0

  init(_ stage: Stage, _ judge: Judge, keepsAlive: Bool) {
    self.stage = stage
    self.judge = judge
    self.keepsAlive = keepsAlive
  }

  mutating func step(_ chance: inout SeededGenerator) throws {
    let role = RoleSet.all.randomElement(using: &chance)!
    let moment = stage.moment
    let readAt = wallClock()
    let reply: HTTPReply
    do {
      let connection = try kept?.connection ?? StreamConnection(unix: stage.socketPath)
      try connection.request("GET", "/v1/roles/\(role)/credentials")
      reply = try connection.readReply()
      if keepsAlive { kept = (connection, kept?.moment ?? moment) }
    } catch {
      defer { kept = nil }
      return stage.noteBroken(error, since: kept?.moment ?? moment)
    }
    guard reply.status == 200 else { return stage.noteRefusal(reply, of: role, since: moment) }
    noteGeneration(reply, of: role, since: moment)
    let least = stage.isPromised(role) ? RoleSet.floor : 0
    if least > 0, let left = reply.fields["rolekeeper-below-floor"] {
      stage.findings.wrong("below the floor", "role \(role): \(left) s")
    }
    try judge.use(
      reply.body, of: role, readAt: readAt, least: least, by: keepsAlive ? .keepAlive : .newConnection)
  }

  /// One daemon's generations never go back.
  private mutating func noteGeneration(_ reply: HTTPReply, of role: String, since moment: Int) {
    guard !stage.wasRestarted(since: moment) else { return }
    if moment != self.moment { generations = [:] }
    self.moment = moment
    let generation = reply.fields["rolekeeper-generation"].flatMap { Int($0) } ?? -1
    let highest = generations[role] ?? 0
    if generation < highest {
      stage.findings.wrong("generation", "role \(role): \(generation) after \(highest)")
    }
    generations[role] = max(generation, highest)
  }
}
