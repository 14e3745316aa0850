import CommandInterface
import Core

/// `who-had ACCESSKEYID` and `who-had --unit UNIT`: reports from the journal who was handed a session. The daemon isn't
/// asked, and needn't run.
struct WhoHadCommand {
  /// The MESSAGE_ID of entries about hand-outs, LogEvent.handedOut in the daemon.
  static let messageID = "60ebf01b8c2f465fb38c90d16c50ed0e"
  /// The same for a user's programs that aren't recorded one by one, and for files: LogEvent.handedOutToMore and .fileWritten.
  static let messageIDOfMore = "f39ade30dffb4cc99a5b3e096e76348f"
  static let messageIDOfFile = "a752e83d7c904a9eb377e9e53e45ea9b"

  /// The daemon's fields of such an entry (LogField).
  enum Field: String, CaseIterable {
    case role = "ROLEKEEPER_ROLE"
    case scope = "ROLEKEEPER_SCOPE"
    case generation = "ROLEKEEPER_GENERATION"
    case accessKeyID = "ROLEKEEPER_ACCESS_KEY_ID"
    case uid = "ROLEKEEPER_UID"
    case user = "ROLEKEEPER_USER"
    case pid = "ROLEKEEPER_PID"
    case program = "ROLEKEEPER_PROGRAM"
    case unit = "ROLEKEEPER_UNIT"
    case via = "ROLEKEEPER_VIA"
    case path = "ROLEKEEPER_PATH"
    case owner = "ROLEKEEPER_OWNER"
    case group = "ROLEKEEPER_GROUP"
    case mode = "ROLEKEEPER_MODE"
    case host = "ROLEKEEPER_HOST"
  }

  /// All that is read of an entry.
  static let names = ["MESSAGE_ID"] + Field.allCases.map(\.rawValue)

  let arguments: Arguments
  private let terminal: Terminal

  init(_ arguments: Arguments, on terminal: Terminal = .current) {
    self.arguments = arguments
    self.terminal = terminal
  }

  func run() throws -> Int32 {
    var entries: [JournalEntry] = []
    do {
      try JournalReader.read(words, Self.names) { entry in
        entries.append(entry)
        return true
      }
    } catch let failure as JournalReader.Failure where arguments.since != nil {
      throw JournalReader.Failure(description: "\(failure); '--since' takes a time such as '2 days ago'")
    }
    var reach: UTCTime?
    // The oldest entry comes first.
    try JournalReader.read(["--quiet", "--output-fields=MESSAGE_ID"], []) { entry in
      reach = UTCTime(seconds: entry.time / 1_000_000)
      return false
    }
    try Console.write(Self.text(entries, of: object, reachingTo: reach, on: terminal))
    return entries.isEmpty ? ExitStatus.failed : ExitStatus.done
  }

  /// The arguments after `journalctl --output=json`. Everybody may write an entry with any fields except those that begin with `_`, which
  /// journald adds (systemd.journal-fields(7), "Trusted Journal Fields"): without the unit, an answer could be forged. A user's unit of the same
  /// name has it in _SYSTEMD_USER_UNIT.
  var words: [String] {
    let since = arguments.since.map { ["--since=\($0)"] } ?? []
    // Of one field either value counts; of two fields both have to match.
    let events = [Self.messageID, Self.messageIDOfMore, Self.messageIDOfFile].map { "MESSAGE_ID=\($0)" }
    let own = ["_SYSTEMD_UNIT=\(RolekeeperUnit.service)"]
    // A line about more programs names no unit; a unit may be among them. After + the match starts over.
    let more = arguments.unit == nil ? [] : ["+"] + own + ["MESSAGE_ID=\(Self.messageIDOfMore)"]
    return since + own + events + [subject] + more
  }

  /// The field and value that an entry must have.
  private var subject: String {
    if let unit = arguments.unit { return "\(Field.unit.rawValue)=\(unit)" }
    return "\(Field.accessKeyID.rawValue)=\(arguments.accessKeyID ?? "")"
  }

  /// The same for people.
  private var object: String {
    arguments.unit.map { "unit \($0)" } ?? "session \(arguments.accessKeyID ?? "")"
  }

  /// `object` is what was asked about. A line for each entry, and how far back the journal goes. Of a file only its owner, group and mode are known, not who read it.
  static func text(
    _ entries: [JournalEntry], of object: String, reachingTo reach: UTCTime?, on terminal: Terminal
  ) -> String {
    let titles = ["TIME", "ROLE", "GEN", "ACCESS KEY ID", "VIA", "UNIT", "USER", "PID", "PROGRAM, FILE OR HOST"]
    let rows = entries.map { entry in cells(entry).map { TextLayout.Cell(text: $0) } }
    var lines = entries.isEmpty ? [] : TextLayout.table(titles, rows, colours: terminal.wantsColours)
    if entries.isEmpty {
      lines.append("no record of \(object) in the journal, as far as you may read it")
      lines.append("hand-outs aren't recorded while 'log.level' is \"warning\" or \"error\"")
    }
    lines.append(
      reach.map { "the journal goes back to \($0)" }
        ?? "the journal has no entry that you may read; run it with sudo, or as a member of systemd-journal")
    return lines.joined(separator: "\n") + "\n"
  }

  private static func cells(_ entry: JournalEntry) -> [String] {
    func field(_ field: Field) -> String { entry[field.rawValue] ?? "-" }
    let uid = field(.uid)
    let user = entry[Field.user.rawValue].map { "\($0) (\(uid))" } ?? uid
    let reader =
      switch entry["MESSAGE_ID"] {
      case messageIDOfFile: ["-", "\(field(.owner)):\(field(.group)) \(field(.mode))", "-", field(.path)]
      case messageIDOfMore: ["-", user, "-", "more programs, not recorded one by one"]
      // To another host: nothing is known of its users.
      case _ where entry[Field.host.rawValue] != nil: ["-", "-", "-", field(.host)]
      default: [field(.unit), user, field(.pid), field(.program)]
      }
    return [
      UTCTime(seconds: entry.time / 1_000_000).description,
      // As the role's name and the option are typed.
      field(.role) + (entry[Field.scope.rawValue].map { " --scope \($0)" } ?? ""), field(.generation),
      field(.accessKeyID),
      field(.via),
    ] + reader
  }
}
