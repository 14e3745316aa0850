/// The exit statuses as `--help` lists them; README has the same sentences, and a test compares the two.
extension ExitStatus {
  /// One status and what it means to whoever runs the command.
  struct Entry: Hashable {
    let status: Int32
    let meaning: String

    init(_ status: Int32, _ meaning: String) {
      self.status = status
      self.meaning = meaning
    }
  }

  /// The meaning of each number in general; `check` and `status --check` have their own lists.
  static let general = [
    Entry(done, "done"),
    Entry(failed, "failed, or not possible as requested: it fails again until something is changed"),
    usage,
    noAnswer,
    Entry(notNow, "not now: try again later; stderr says when, if that is known"),
  ]

  /// The statuses of one command; `status --check` has those of `healthCheck` instead.
  static func entries(of command: Command) -> [Entry] {
    switch command {
    case .status:
      [
        Entry(done, "the status was printed"),
        Entry(failed, "no such role, no permission to read it, or stdout can't be written"),
        usage, noAnswer, Entry(notNow, "not now: too many connections are open; stderr says when to try again"),
      ]
    case .get:
      [
        Entry(done, "the credential was printed, or written to FILE"),
        Entry(
          failed,
          "no such role, no permission to read it, --min-ttl is more than the role can have, the format can't hold the credential, the template can't be used, or stdout or FILE can't be written"
        ),
        usage, noAnswer,
        Entry(
          notNow,
          "not now: no valid credential, or too many reservations or connections; stderr says when to try again, if that is known"
        ),
      ]
    case .wait:
      [
        Entry(done, "every role has a valid credential, in its files too"),
        Entry(
          failed,
          "no such role, no permission to read it, --min-ttl is more than the role can have, or STS refuses until something is changed; stderr says what"
        ),
        usage,
        Entry(unreachable, "the daemon couldn't be reached within --timeout, or its socket can't be used"),
        Entry(notNow, "not now: the wait is over, and a role has no such credential yet; stderr says why"),
      ]
    case .check: checks
    case .policy:
      [
        Entry(done, "allowed by the role's session policy, or the role has none"),
        Entry(
          failed,
          "denied, or it can't be decided here, which the line on stdout says; also if stdout can't be written or the settings couldn't be read"
        ),
        Entry(wrongUsage, "wrong usage, or no such role or scope"),
        Entry(78, "the settings or the policy can't be used; stderr says why"),
      ]
    case .source: sourceTests
    case .doctor: diagnoses
    case .reload:
      [
        Entry(done, "the new settings are in force"),
        Entry(failed, "the settings are refused and the old ones stay in force, or you aren't an administrator"),
        usage, noAnswer, Entry(notNow, "not now: too many connections are open; stderr says when to try again"),
      ]
    case .refresh:
      [
        Entry(done, "the role has a new session"),
        Entry(
          failed,
          "no such role, you aren't an administrator, or STS refuses until something is changed; stderr says what"),
        usage, noAnswer,
        Entry(
          notNow,
          "not now: the refresh failed and may work later, there is no outcome within 30 s, or too many connections"),
      ]
    case .report:
      [
        Entry(done, "the session was checked: condemned or in-use"),
        Entry(failed, "no such role, no permission to read it, or it has no session with this ACCESSKEYID"),
        usage, noAnswer,
        Entry(notNow, "not now: unchecked, the role has no valid session to report, or too many connections"),
      ]
    case .watch:
      [
        Entry(failed, "no such role, no permission to read it, or stdout can't be written"), usage,
        Entry(unreachable, "the daemon can't be reached at the start, or later for as long as --timeout says"),
        Entry(notNow, "not now: the daemon can't serve; stderr says why"),
      ]
    case .exec:
      [
        Entry(
          failed,
          "no such role, no permission to read it, --min-ttl is more than the role can have, or the file can't be written"
        ),
        Entry(wrongUsage, "wrong usage; --uri where the loopback URI is off or a proxy variable is set"), noAnswer,
        Entry(
          notNow,
          "not now: no valid credential, or too many reservations or connections; stderr says when to try again, if that is known"
        ),
        Entry(endedBeforeExpiry, "the command was ended by --end-before-expiry"),
        Entry(cannotRun, "COMMAND can't be run"), Entry(noCommand, "there is no such COMMAND"),
      ]
    case .whoHad:
      [
        Entry(done, "the hand-outs were printed"),
        Entry(failed, "the journal has no such hand-out that you may read, or it couldn't be read"), usage,
      ]
    }
  }

  /// For `status --check`, in the numbering that monitoring systems expect.
  static let healthCheck = [
    Entry(HealthCheck.Outcome.ok.rawValue, "ok"),
    Entry(
      HealthCheck.Outcome.degraded.rawValue,
      "degraded: a role's session can't be renewed or is granted too short for its floor, a credential file can't be written, an AccessKey or the CA file can't be used, the loopback URI isn't served, connections are refused because all are taken, or the last reload was refused; also if stdout can't be written"
    ),
    Entry(
      HealthCheck.Outcome.failing.rawValue,
      "failing: a role has no valid credential, or there is no role of the given name; also for wrong usage"),
    Entry(
      HealthCheck.Outcome.unknown.rawValue,
      "unknown: the daemon can't be reached or doesn't answer in time, or you may not read the role"),
  ]

  private static let usage = Entry(wrongUsage, "wrong usage; nothing was sent")
  private static let noAnswer = Entry(unreachable, "the daemon can't be reached, or doesn't answer in time")

  /// For `check`, which runs `rolekeeperd --check`.
  static let checks = [
    Entry(done, "the daemon can use the settings; there may be warnings"),
    Entry(failed, "the settings couldn't be checked, or stdout can't be written"),
    Entry(wrongUsage, "wrong usage"),
    incomplete,
    Entry(77, "with --online: a source or a role is refused until something is changed"),
    Entry(78, "the daemon can't use the settings, or an AccessKey"),
  ]

  /// For `source test`.
  static let sourceTests = [
    Entry(done, "STS accepts the AccessKey, and issues a session to each role that was tried"),
    Entry(failed, "nothing could be tried, or stdout can't be written"),
    Entry(wrongUsage, "wrong usage"),
    incomplete,
    Entry(77, "STS refuses the AccessKey, or a role, until something is changed"),
    Entry(78, "FILE has no AccessKey that can be used, or the daemon can't use the settings"),
  ]

  /// For `doctor`, in the numbering that monitoring systems expect.
  static let diagnoses = [
    Entry(0, "nothing is wrong with what was looked at"),
    Entry(1, "there are warnings"),
    Entry(2, "something failed; also for wrong usage"),
    Entry(3, "nothing could be looked at, or stdout can't be written"),
  ]

  private static let incomplete = Entry(
    notNow, "nothing was refused for good, but not everything could be tried: the report says why")
}
