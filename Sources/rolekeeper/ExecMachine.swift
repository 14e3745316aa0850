import Core
import Glibc

/// The decisions of `exec` while its command runs. It takes events and returns effects; time is an argument.
///
///     running ──renewed, with restart──▶ restarting ──ended──▶ running (started again)
///        │  ╲──session about to expire──▶ expiring ──ended──▶ finished, status 124
///        └──ended──▶ finished, the command's status
///
/// A command that is being ended and still runs after `grace` is killed. When a signal that ends programs is passed on to it
/// meanwhile, it isn't started again.
struct ExecMachine {
  enum Event: Equatable {
    /// The command has another session, or gets it by its renewal; it expires then.
    case renewed(expires: Timestamp)
    /// This process got a signal; `isForGroup` if the command got it, too.
    case signal(CInt, isForGroup: Bool)
    /// The command was stopped, by whatever signal.
    case stopped
    case ended(ChildEnd)
    /// `deadline` has passed.
    case due
  }

  enum Effect: Equatable {
    case send(CInt)
    /// Start the command again, with the latest session.
    case start
    /// Stop this process as the command was stopped, so that a shell notices.
    case stopSelf
    case finish(status: CInt)
  }

  private enum Phase {
    case running
    case restarting(killAt: Timestamp)
    case expiring(killAt: Timestamp)
  }

  /// How long a command may take to end by SIGTERM.
  static let grace = Duration.seconds(10)
  /// How long before its session expires the command is ended; a tenth of the session's life if that is less.
  static let margin = Duration.seconds(60)
  private static let endingSignals = [SIGINT, SIGTERM, SIGHUP, SIGQUIT]

  private let renewal: Renewal
  private let endsBeforeExpiry: Bool
  private var phase = Phase.running
  private var endAt: Timestamp?
  private var wasKilled = false

  init(_ renewal: Renewal, endsBeforeExpiry: Bool, expires: Timestamp, at now: Timestamp) {
    (self.renewal, self.endsBeforeExpiry) = (renewal, endsBeforeExpiry)
    setEnd(expires, now)
  }

  /// When `due` has to come; nil if nothing is planned.
  var deadline: Timestamp? {
    switch phase {
    case .running: endAt
    case .restarting(let killAt), .expiring(let killAt): wasKilled ? nil : killAt
    }
  }

  mutating func handle(_ event: Event, at now: Timestamp) -> [Effect] {
    switch event {
    case .renewed(let expires): return renewed(expires, now)
    case .signal(let number, let isForGroup): return passOn(number, isForGroup)
    case .stopped: return [.stopSelf]
    case .ended(let end): return ended(end)
    case .due: return due(now)
    }
  }

  private mutating func renewed(_ expires: Timestamp, _ now: Timestamp) -> [Effect] {
    setEnd(expires, now)
    guard case .running = phase else { return [] }
    switch renewal {
    case .none: return []
    case .signal(let number): return [.send(number)]
    case .restart:
      phase = .restarting(killAt: now + Self.grace)
      return Self.end
    }
  }

  /// A stopped command takes the signal only when it goes on.
  private static let end: [Effect] = [.send(SIGTERM), .send(SIGCONT)]

  private mutating func passOn(_ number: CInt, _ isForGroup: Bool) -> [Effect] {
    if case .restarting = phase, Self.endingSignals.contains(number) { phase = .running }
    return isForGroup ? [] : [.send(number)]
  }

  private mutating func ended(_ end: ChildEnd) -> [Effect] {
    wasKilled = false
    switch phase {
    case .running: return [.finish(status: end.exitStatus)]
    case .expiring: return [.finish(status: ExitStatus.endedBeforeExpiry)]
    case .restarting:
      phase = .running
      return [.start]
    }
  }

  private mutating func due(_ now: Timestamp) -> [Effect] {
    guard let deadline, now >= deadline else { return [] }
    switch phase {
    case .running:
      phase = .expiring(killAt: now + Self.grace)
      return Self.end
    case .restarting, .expiring:
      wasKilled = true
      return [.send(SIGKILL)]
    }
  }

  private mutating func setEnd(_ expires: Timestamp, _ now: Timestamp) {
    if endsBeforeExpiry { endAt = expires - min(Self.margin, max(.zero, expires - now) / 10) }
  }
}
