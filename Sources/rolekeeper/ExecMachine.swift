import Core
import Glibc

/// The decisions of `exec` while its command runs. It takes events and returns effects; time is an argument.
///
///     running ──renewed, with restart──▶ restarting ──ended──▶ running (started again)
///        │                                   └──SIGTERM, SIGINT or SIGQUIT──▶ ending
///        ├──SIGTERM, SIGINT or SIGQUIT──▶ ending ──ended──▶ finished, as the command ended
///        ├──session about to expire──▶ expiring ──ended──▶ finished, status 124       (also from ending)
///        └──ended──▶ finished, as the command ended
///
/// A command that is being restarted or has to end because its session expires is killed if it still runs after `grace`. One that
/// somebody else ends may take its time, and isn't started again, whatever sessions come.
struct ExecMachine {
  enum Event: Equatable {
    /// The command has another session, or gets it by its renewal; it expires then.
    case renewed(expires: Timestamp)
    /// This process got a signal; `isForGroup` if the command got it, too.
    case signal(CInt, isForGroup: Bool)
    /// The command was stopped by this signal.
    case stopped(CInt)
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
    /// End this process as a command does.
    case finish(ChildEnd)
  }

  private enum Phase {
    case running
    /// The command was sent a signal by which programs end.
    case ending
    case restarting(killAt: Timestamp)
    case expiring(killAt: Timestamp)
  }

  /// How long a command may take to end by SIGTERM.
  static let grace = Duration.seconds(10)
  /// How long before its session expires the command is ended; a tenth of the session's life if that is less.
  static let margin = Duration.seconds(60)
  /// By SIGHUP many programs read their settings again, so it doesn't mean that the command is to end.
  private static let endingSignals = [SIGINT, SIGTERM, SIGQUIT]
  /// The stops that a terminal causes. By SIGSTOP somebody stops the command alone.
  private static let terminalStops = [SIGTSTP, SIGTTIN, SIGTTOU]

  private let renewal: Renewal
  private let endsBeforeExpiry: Bool
  private var phase = Phase.running
  private var endAt: Timestamp?
  private var wasKilled = false

  init(_ renewal: Renewal, endsBeforeExpiry: Bool, expires: Timestamp, at now: Timestamp) {
    (self.renewal, self.endsBeforeExpiry) = (renewal, endsBeforeExpiry)
    setEnd(expires, now)
  }

  /// Whether a signal that came while there was no command keeps it from being started: it couldn't be passed on.
  static func preventsStart(_ number: CInt, isFirst: Bool) -> Bool {
    isFirst ? SignalInbox.ending.contains(number) : endingSignals.contains(number)
  }

  /// When `due` has to come; nil if nothing is planned.
  var deadline: Timestamp? {
    switch phase {
    case .running, .ending: endAt
    case .restarting(let killAt), .expiring(let killAt): wasKilled ? nil : killAt
    }
  }

  mutating func handle(_ event: Event, at now: Timestamp) -> [Effect] {
    switch event {
    case .renewed(let expires): return renewed(expires, now)
    case .signal(let number, let isForGroup): return passOn(number, isForGroup)
    case .stopped(let number): return Self.terminalStops.contains(number) ? [.stopSelf] : []
    case .ended(let end): return ended(end)
    case .due: return due(now)
    }
  }

  private mutating func renewed(_ expires: Timestamp, _ now: Timestamp) -> [Effect] {
    // A command that is to end keeps the session it has.
    if case .ending = phase { return [] }
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
    if Self.endingSignals.contains(number) {
      switch phase {
      case .running, .restarting: phase = .ending
      case .ending, .expiring: break
      }
    }
    return isForGroup ? [] : [.send(number)]
  }

  private mutating func ended(_ end: ChildEnd) -> [Effect] {
    wasKilled = false
    switch phase {
    case .running, .ending: return [.finish(end)]
    case .expiring: return [.finish(.exited(ExitStatus.endedBeforeExpiry))]
    case .restarting:
      phase = .running
      return [.start]
    }
  }

  private mutating func due(_ now: Timestamp) -> [Effect] {
    guard let deadline, now >= deadline else { return [] }
    switch phase {
    case .running, .ending:
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
