import Core
import LocalClient
import Wire

/// Fetches the latest session of a role for `exec`, for a loop that never blocks.
///
/// A daemon that can't be reached or can't serve now is asked again with back-off, and reported if that lasts. The lifetime that
/// `--min-ttl` asks for may be more than the role can have by now: then any session is fetched.
struct SessionFetch {
  /// How long the daemon may take to answer, more than it is asked to wait.
  static let longestAnswer = Duration.seconds(15)
  /// A restart takes less than this; what lasts longer is reported.
  static let unreported = Duration.seconds(5)

  private let client: LocalClient
  private let role: String
  private let scope: String?
  private let minTTL: WrittenTime?
  private let report: (String) -> Void
  /// When the next request is due; nil if none is.
  private var due: Timestamp?
  private var pending: (answer: PendingAnswer, until: Timestamp)?
  private var retries = Retries(first: .seconds(1), longest: .seconds(30), unreported: Self.unreported)
  /// Whether a session of `minTTL` was refused for the rotation at hand, and whether that was reported.
  private var takesAny = false
  private var isRefusalReported = false

  /// `report` is called with a message for what lasts.
  init(
    _ client: LocalClient, _ role: String, scope: String? = nil, minTTL: WrittenTime?,
    report: @escaping (String) -> Void
  ) {
    (self.client, self.role, self.scope, self.minTTL, self.report) = (client, role, scope, minTTL, report)
  }

  /// The role has another session.
  mutating func begin(at now: Timestamp) { (due, takesAny) = (now, false) }

  /// Readable when `step` has something to do; nil while it is to be called at `deadline`.
  var descriptor: CInt? { pending?.answer.descriptor }

  /// When `step` has to be called at the latest; nil if nothing is to be fetched.
  var deadline: Timestamp? { pending?.until ?? due }

  /// Takes the step that is due, and returns the session when it has arrived. `isReachable` is false while it is known and reported
  /// otherwise that the daemon can't be reached. Throws the `Refusal` of a role that is gone or may not be read any more.
  mutating func step(at now: Timestamp, isReachable: Bool = true) throws -> ExecSession? {
    do {
      if pending == nil, let due, now >= due {
        pending = (try client.begin(target), now + Self.longestAnswer)
        self.due = nil
      }
      guard let (request, until) = pending else { return nil }
      guard let answer = try request.read() else {
        guard now < until else { throw LocalClientError.silent(path: client.path, timeout: Self.longestAnswer) }
        return nil
      }
      pending = nil
      if answer.status == 200 {
        let session = try ExecSession(answer)
        retries.succeeded()
        return session
      }
      try refused(answer, at: now)
    } catch let error as LocalClientError {
      failed("\(error)", at: now, isReported: !isReachable)
    }
    return nil
  }

  private var target: String {
    let path = "/v1/roles/\(role)/credentials"
    guard let minTTL, !takesAny else { return path + (scope.map { "?scope=\($0)" } ?? "") }
    return path
      + "?\(scope.map { "scope=\($0)&" } ?? "")min_ttl=\(minTTL.seconds)&wait=\(RequestWait.standard.wholeSeconds)"
  }

  private mutating func refused(_ answer: LocalClient.Answer, at now: Timestamp) throws {
    let refusal = Refusal(answer, role: role, minTTL: minTTL)
    if answer.status == Problem.Kind.tooLong.status, minTTL != nil, !takesAny {
      if !isRefusalReported {
        report("\(refusal)\nthe command gets a shorter session, unless the one that it has lasts longer")
      }
      (due, takesAny, isRefusalReported) = (now, true, true)
      return
    }
    guard refusal.exitStatus == ExitStatus.notNow else { throw refusal }
    failed("\(refusal)", at: now, isReported: false)
  }

  private mutating func failed(_ reason: String, at now: Timestamp, isReported: Bool) {
    pending = nil
    var generator = SystemRandomNumberGenerator()
    let (next, isNews) = retries.failed(at: now, using: &generator)
    due = next
    if isNews, !isReported { report("role '\(role)': cannot fetch its new session: \(reason)\nstill trying") }
  }
}
