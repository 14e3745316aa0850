import Glibc
import Laboratory
import TestSupport

/// Reads a role's files, which outlive restarts: both of one moment through `current`, or one of them by its own name.
struct FileReader: Reader {
  /// How often a file may be away in a row before the socket is asked.
  private static let mostMisses = 40
  /// How long the writing of a file may take after the socket has begun to hand out, on a disk that is busy.
  private static let secondsOfWriting = 5.0

  private let stage: Stage
  private let judge: Judge
  private let role: String
  private var missing = 0

  init(_ stage: Stage, _ judge: Judge, role: String) {
    self.stage = stage
    self.judge = judge
    self.role = role
  }

  private var home: String { "\(stage.filesDirectory)/\(role)" }
  private var least: Int { stage.isPromised(role) ? RoleSet.floor : 0 }

  mutating func step(_ chance: inout SeededGenerator) throws {
    let moment = stage.moment
    let readAt = wallClock()
    let isRead = try Bool.random(using: &chance) ? readOne(readAt) : readPair(readAt)
    missing = isRead ? 0 : missing + 1
    if !isRead { noteMiss(since: moment) }
  }

  private func readOne(_ readAt: Double) throws -> Bool {
    // Between the two links of its path a file may be swapped twice; who looks again finds it.
    let document = FileText.read("\(home)/credentials.json") ?? FileText.read("\(home)/credentials.json")
    guard let document else { return false }
    try judge.use(document, of: role, readAt: readAt, least: least, by: .file)
    return true
  }

  /// Two files of one moment are of one session.
  private func readPair(_ readAt: Double) throws -> Bool {
    for _ in 0..<3 {
      let current = open("\(home)/current", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
      guard current >= 0 else { continue }
      defer { close(current) }
      guard let json = FileText.read("/proc/self/fd/\(current)/credentials.json"),
        let environment = FileText.read("/proc/self/fd/\(current)/credentials.env")
      else { continue }
      if !isOfOneSession(json, environment) { stage.findings.wrong("torn", "role \(role): two sessions in one moment") }
      try judge.use(json, of: role, readAt: readAt, least: least, by: .file)
      try judge.use(environment, format: "env", of: role, readAt: readAt, least: least, by: .file)
      return true
    }
    return false
  }

  private func isOfOneSession(_ json: String, _ environment: String) -> Bool {
    let prefix = "ALIBABA_CLOUD_ACCESS_KEY_ID='"
    guard let line = environment.split(separator: "\n").first(where: { $0.hasPrefix(prefix) }) else { return false }
    return json.contains("\"\(line.dropFirst(prefix.count).dropLast())\"")
  }

  /// A file is away while nothing is valid, and for the moment that its writing takes.
  private func noteMiss(since moment: Int) {
    stage.findings.note { $0.absentFiles += 1 }
    if stage.isPromised(role) { return stage.findings.wrong("missing file", "role \(role)") }
    guard missing > Self.mostMisses, !stage.wasRestarted(since: moment) else { return }
    // A connection that fails is the socket readers' matter.
    guard let connection = try? StreamConnection(unix: stage.socketPath),
      (try? connection.request("GET", "/v1/roles/\(role)/credentials")) != nil,
      let reply = try? connection.readReply(), reply.status == 200
    else { return }
    let home = home
    // What was asked for may have come between the two looks, and its file be on its way.
    do {
      try eventually("the file is there", within: Self.secondsOfWriting) {
        access("\(home)/credentials.json", F_OK) == 0
      }
    } catch { stage.findings.wrong("missing file", "role \(role): the socket hands out, but there is no file") }
  }
}
