import Glibc
import Laboratory
import Synchronization
import TestSupport

/// What all readers share: where things are, what they found, and whether the daemon is being restarted.
final class Stage: Sendable {
  let socketPath: String
  let filesDirectory: String
  let checkerPath: String
  let findings = Findings()
  let stopFlag = StopFlag()
  /// Odd from a restart's signal on until the new daemon is ready.
  private let epoch = Atomic<Int>(0)

  init(socketPath: String, filesDirectory: String, checkerPath: String) {
    self.socketPath = socketPath
    self.filesDirectory = filesDirectory
    self.checkerPath = checkerPath
  }

  /// Runs a restart: until it is over, readers may find the socket closed.
  func restart(_ body: () throws -> Void) rethrows {
    epoch.add(1, ordering: .sequentiallyConsistent)
    try body()
    epoch.add(1, ordering: .sequentiallyConsistent)
  }

  /// Now; to be compared with later, by `wasRestarted(since:)`.
  var moment: Int { epoch.load(ordering: .sequentiallyConsistent) }

  /// Whether a restart was under way at `moment` or since.
  func wasRestarted(since moment: Int) -> Bool { moment % 2 == 1 || self.moment != moment }
}

/// A reader's line to the checker, which uses what was read.
final class Judge {
  private let connection: StreamConnection
  private let stage: Stage

  init(_ stage: Stage) throws {
    self.stage = stage
    connection = try StreamConnection(unix: stage.checkerPath, patienceSeconds: 90)
  }

  /// Has a document that was read at `readAt` used, and counts it. `least` is how many seconds it must have had left.
  func use(
    _ document: String, format: String = "json", of role: String, readAt: Double, least: Int, by way: Findings.Way
  )
    throws
  {
    try connection.send("\(role) \(format) \(readAt) \(least) \(document.utf8.count)\n\(document)")
    guard let verdict = try connection.readLine() else {
      throw StreamError(attempt: "hear the checker", number: ECONNRESET)
    }
    let words = verdict.split(separator: " ", maxSplits: 1)
    switch words.first {
    case "ok": stage.findings.note { $0.used[way, default: 0] += 1 }
    case "late": stage.findings.note { $0.late += 1 }
    case let kind:
      stage.findings.wrong(String(kind ?? "mute"), "role \(role), \(way.rawValue): \(words.dropFirst().joined())")
    }
  }
}
