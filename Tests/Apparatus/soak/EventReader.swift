import Laboratory
import TestSupport
import Wire

/// Waits on the stream of events and reads the session that the event names, or a later one.
struct EventReader: Reader {
  private let stage: Stage
  private let judge: Judge
  /// The stream, and when it was opened: the daemon may have been restarted while an event was dealt with.
  private var events: (stream: StreamConnection, moment: Int)?

  init(_ stage: Stage, _ judge: Judge) {
    self.stage = stage
    self.judge = judge
  }

  mutating func step(_ chance: inout SeededGenerator) throws {
    let moment = stage.moment
    let event: RoleEvent
    let reply: HTTPReply
    let readAt: Double
    do {
      event = try nextRotation()
      readAt = wallClock()
      guard RoleSet.all.contains(event.role) else { return }
      let connection = try StreamConnection(unix: stage.socketPath)
      try connection.request("GET", "/v1/roles/\(event.role)/credentials")
      reply = try connection.readReply()
    } catch {
      defer { events = nil }
      return stage.noteBroken(error, since: events?.moment ?? moment)
    }
    guard reply.status == 200 else { return stage.noteRefusal(reply, of: event.role, since: moment) }
    let generation = reply.fields["rolekeeper-generation"].flatMap { UInt64($0) } ?? 0
    if generation < event.generation, !stage.wasRestarted(since: moment) {
      stage.findings.wrong("generation", "role \(event.role): \(generation) after the event of \(event.generation)")
    }
    try judge.use(
      reply.body, of: event.role, readAt: readAt, least: stage.isPromised(event.role) ? RoleSet.floor : 0, by: .event)
  }

  private mutating func nextRotation() throws -> RoleEvent {
    let (stream, _) = try events ?? subscribe()
    while let line = try stream.readLine() {
      if EventLine(parsing: Array(line.utf8).span) == .heartbeat { continue }
      let event = try RoleEvent(parsing: Array(line.utf8).span)
      if event.kind == .rotated { return event }
    }
    throw StreamError(attempt: "read another event", number: 104)
  }

  private mutating func subscribe() throws -> (StreamConnection, Int) {
    let moment = stage.moment
    let stream = try StreamConnection(unix: stage.socketPath, patienceSeconds: 60)
    try stream.request("GET", "/v1/events")
    let reply = try stream.readReply()
    guard reply.status == 200 else { throw NoCredential(reply: reply) }
    events = (stream, moment)
    return (stream, moment)
  }
}
