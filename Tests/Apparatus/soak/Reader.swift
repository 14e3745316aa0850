import Glibc
import Laboratory
import TestSupport

/// One of the readers: each step reads once, in its own way, and uses what it got.
protocol Reader {
  mutating func step(_ chance: inout SeededGenerator) throws
}

enum Readers {
  static let count = 20

  /// Seven with a connection for each read, five that keep theirs, four of files, two that reserve, two on the events.
  private static func make(_ number: Int, _ stage: Stage, _ judge: Judge) -> any Reader {
    switch number {
    case 0..<7: return SocketReader(stage, judge, keepsAlive: false)
    case 7..<12: return SocketReader(stage, judge, keepsAlive: true)
    case 12..<16: return FileReader(stage, judge, role: RoleSet.withFiles[number - 12])
    case 16..<18: return ReservingReader(stage, judge, role: RoleSet.long[number - 16])
    default: return EventReader(stage, judge)
    }
  }

  static func start(on stage: Stage, seed: UInt64) throws -> [Helper] {
    try (0..<count).map { number in
      try Helper {
        var chance = SeededGenerator(seed: seed &+ UInt64(number) &* 7919)
        do {
          var reader = make(number, stage, try Judge(stage))
          while !stage.stopFlag.isRaised {
            try reader.step(&chance)
            usleep(UInt32.random(in: 20_000...150_000, using: &chance))
          }
        } catch {
          // A reader that can't go on would make the rest look better than it is.
          stage.findings.wrong("reader", "number \(number): \(error)")
        }
      }
    }
  }
}

extension Stage {
  /// Whether a reader of this role must always get a credential.
  func isPromised(_ role: String) -> Bool { !RoleSet.tried.contains(role) }

  /// Counts an answer that is no credential: right where nothing was promised and a reason is given.
  func noteRefusal(_ reply: HTTPReply, of role: String, since moment: Int) {
    // A session may lapse while the first call for another is under way, so that there is no error yet.
    let isExplained = reply.body.contains("\"code\"") || reply.body.contains("a session is being fetched")
    let hasReason = isExplained && reply.fields["retry-after"] != nil
    if reply.status == 503 && wasRestarted(since: moment) {
      findings.note { $0.gaps += 1 }
    } else if reply.status == 503 && hasReason && !isPromised(role) {
      findings.note { $0.refusedWithReason += 1 }
    } else {
      findings.wrong("no credential", "role \(role): \(reply.status) \(reply.body)")
    }
  }

  /// Counts a connection that broke: a restart may do that, nothing else.
  func noteBroken(_ error: any Error, since moment: Int) {
    // At the end the daemon goes before those who wait for it.
    if stopFlag.isRaised { return }
    if wasRestarted(since: moment) {
      findings.note { $0.gaps += 1 }
    } else {
      findings.wrong("connection", "\(error)")
    }
  }
}
