import Core
import LocalClient
import Secrets
import Wire

/// The events of one role over restarts of the daemon, for a loop that never blocks.
///
/// The stream begins with the role's state, so that no change is missed while there is no connection. It is opened again with
/// back-off after the daemon has closed it, and when not even a heartbeat has come for so long that the daemon must be stuck.
struct RoleStream {
  private enum State {
    /// The next attempt is at `until`.
    case closed(until: Timestamp)
    case opening(PendingStream, until: Timestamp)
    case open(LineStream, until: Timestamp)
  }

  /// How long the daemon may take to open the stream.
  private static let longestOpening = LocalClient.standardTimeout
  /// After this time without a line the connection counts as dead.
  static let longestSilence = Heartbeat.interval * 3
  /// A restart takes less than this; what lasts longer is reported.
  static let unreported = Duration.seconds(5)

  private let client: LocalClient
  private let role: String
  private let scope: String?
  private let report: (String) -> Void
  private var state: State
  /// A restart takes some 20 ms. All streams of the daemon end with it, so the first pause is longer, and no two are alike.
  private var retries = Retries(first: .milliseconds(200), longest: .seconds(5), unreported: Self.unreported)
  /// Since when there is no stream.
  private(set) var brokenSince: Timestamp?
  /// The last reason for that: a `LocalClientError`, or the `Refusal` of a daemon that can't serve now.
  private(set) var trouble: (any Error)?

  /// Without a connection yet: the first is made by `events`. `report` is called with a message when the daemon can't be reached for
  /// a while.
  init(_ client: LocalClient, _ role: String, scope: String? = nil, report: @escaping (String) -> Void) {
    (self.client, self.role, self.scope, self.report) = (client, role, scope, report)
    state = .closed(until: BootClock.now)
  }

  /// Makes the first connection, and waits for it as other commands do. Throws `Refusal` or `LocalClientError`.
  mutating func open() throws {
    switch try client.lines(target) {
    case .open(let stream): opened(stream, at: BootClock.now)
    case .refused(let answer): throw Refusal(answer, role: role)
    }
  }

  private var target: String { "/v1/events?role=\(role)\(scope.map { "&scope=\($0)" } ?? "")" }

  /// Readable when `events` has something to do; nil while it is to be called at `deadline`.
  var descriptor: CInt? {
    switch state {
    case .closed: nil
    case .opening(let pending, _): pending.descriptor
    case .open(let stream, _): stream.descriptor
    }
  }

  /// When `events` has to be called at the latest.
  var deadline: Timestamp {
    switch state {
    case .closed(let until), .opening(_, let until), .open(_, let until): until
    }
  }

  /// Takes the step that is due, and returns the events that have arrived. Throws the `Refusal` of a role that is gone or may not be
  /// read any more.
  mutating func events(at now: Timestamp) throws -> [RoleEvent] {
    do {
      switch state {
      case .closed(let until):
        if now >= until { state = .opening(try client.beginLines(target), until: now + Self.longestOpening) }
      case .opening(let pending, let until):
        guard now < until else {
          throw LocalClientError.silent(path: client.path, timeout: Self.longestOpening)
        }
        guard let answer = try pending.read() else { return [] }
        if case .open(let stream) = answer {
          opened(stream, at: now)
          return try arrived(stream, at: now)
        }
        if case .refused(let answer) = answer { try refused(answer, at: now) }
      case .open(let stream, _):
        let events = try arrived(stream, at: now)
        if case .open(_, let until) = state, now >= until {
          throw LocalClientError.silent(path: client.path, timeout: Self.longestSilence)
        }
        return events
      }
    } catch let error as LocalClientError {
      broke(error, at: now)
    }
    return []
  }

  private mutating func arrived(_ stream: LineStream, at now: Timestamp) throws(LocalClientError) -> [RoleEvent] {
    let lines = try stream.arrived()
    if !lines.isEmpty { state = .open(stream, until: now + Self.longestSilence) }
    return lines.compactMap { line in
      guard case .role(let event) = EventLine(parsing: Array(line.utf8).span), event.role == role, event.scope == scope
      else { return nil }
      return event
    }
  }

  private mutating func opened(_ stream: LineStream, at now: Timestamp) {
    state = .open(stream, until: now + Self.longestSilence)
    retries.succeeded()
    (brokenSince, trouble) = (nil, nil)
  }

  /// A daemon without usable settings, or with too many connections, may open the stream later.
  private mutating func refused(_ answer: LocalClient.Answer, at now: Timestamp) throws {
    let refusal = Refusal(answer, role: role)
    guard refusal.exitStatus == ExitStatus.notNow else { throw refusal }
    broke(refusal, at: now)
  }

  private mutating func broke(_ reason: any Error, at now: Timestamp) {
    trouble = reason
    if brokenSince == nil { brokenSince = now }
    var generator = SystemRandomNumberGenerator()
    let (next, isNews) = retries.failed(at: now, using: &generator)
    state = .closed(until: next)
    if isNews { report("\(reason); still trying") }
  }
}
