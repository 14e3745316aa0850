import Core
import EventLoop
import Logging

/// Names in the journal whoever was refused: the first time at once, then summed up per uid, role and minute.
final class RefusalLog {
  private struct Key: Hashable {
    let uid: UInt32
    let role: RoleName?
  }

  /// A caller who invents role names doesn't get a line, or memory, for each.
  private static let mostKeys = 1024
  private static let minute: Int64 = 60_000_000

  private let logger: Logger
  private var timer: TimerSource!
  private var repeats: [Key: Int] = [:]

  init(loop: EventLoop, logger: Logger) throws {
    self.logger = logger
    timer = try TimerSource(loop, accuracy: 1_000_000) { [unowned self] in sumUp() }
  }

  /// Notes a refusal; `role` is nil when no such role exists.
  func note(uid: UInt32, pid: Int32, role: RoleName?) {
    var key = Key(uid: uid, role: role)
    if repeats[key] == nil && repeats.count >= Self.mostKeys { key = Key(uid: uid, role: nil) }
    if let count = repeats[key] {
      repeats[key] = count + 1
      return
    }
    repeats[key] = 0
    logger.warning(
      "refused", [.uid: "\(uid)", .pid: "\(pid)", .role: role?.description ?? "(unknown)"])
    if !timer.isArmed { timer.arm(at: EventLoop.bootTime() + Self.minute) }
  }

  private func sumUp() {
    for (key, count) in repeats where count > 0 {
      logger.warning(
        "refused again in the last minute",
        [.uid: "\(key.uid)", .role: key.role?.description ?? "(unknown)", .count: "\(count)"])
    }
    repeats = repeats.filter { $0.value > 0 }.mapValues { _ in 0 }
    if !repeats.isEmpty { timer.arm(at: EventLoop.bootTime() + Self.minute) }
  }
}
