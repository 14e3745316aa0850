import Core

/// The keys of a role. What a key's `standard` is for the ring's times is said in Core, by `RoleTiming`.
extension Schema {
  private static let times = RoleTiming()

  enum Role {
    static let arn = TextKey(
      name: "role_arn", form: "acs:ram::ACCOUNT:role/NAME", isRequired: true,
      example: "\"acs:ram::1234567890123456:role/ramtestupload\"",
      summary: "The RAM role, by the ARN on its page in the RAM console.")
    static let sessionName = TextKey(
      name: "session_name", form: "2 to 64 of A-Z a-z 0-9 . @ - _ with {host}, {role} and {slot}",
      standard: SessionNameTemplate.standard.description, example: "\"\(SessionNameTemplate.standard)\"",
      summary: """
        What ActionTrail and the role's sessions are called by. A longer one is shortened in {host}, the last 8 characters \
        then being a hash of it.
        """)
    static let duration = DurationKey(
      name: "duration", allowed: Duration.minutes(15)...Duration.hours(12), standard: times.duration,
      summary: "How long a session lives; at most the role's MaxSessionDuration.")
    static let maxDuration = DurationKey(
      name: "max_duration", allowed: Duration.minutes(15)...Duration.hours(12), derivation: "duration",
      summary: "The longest session a reader may ask for by min_ttl; at most the role's MaxSessionDuration.")
    static let policyFile = TextKey(
      name: "policy_file", form: "a path, relative to this file or absolute", example: "\"uploader.policy.json\"",
      summary: """
        A session policy, which cuts the role's permissions down. RAM's JSON; less than 2048 bytes without its blanks, \
        which aren't sent.
        """)
    static let externalID = TextKey(
      name: "external_id", form: "2 to 1224 of A-Z a-z 0-9 _ + = , . @ : / -", example: "\"2f9c1e\"",
      summary: "The ExternalId that the role's trust policy may ask for.")
    static let source = TextKey(
      name: "source", form: "the NAME of a [source.NAME]", example: "\"main\"",
      summary: "Who signs for this role. Without it the only source there is.")
    static let pool = IntegerKey(
      name: "pool", allowed: 1...16, standard: Int64(times.pool),
      summary: """
        How many live sessions are kept, of staggered ages. Readers get the one that lives longest; the others stand by, \
        and the next takes its place at once when it is reported and found dead. With 1 there is no standby.
        """)
    static let refreshAfter = DurationKey(
      name: "refresh_after", allowed: Duration.seconds(2)...Duration.hours(12), derivation: "half of duration",
      summary: "The age at which a session is replaced; at most duration.")
    static let floor = DurationKey(
      name: "floor", allowed: Duration.zero...Duration.hours(12), standard: times.floor,
      summary: """
        The least remaining life that readers get. SDKs fetch again on every call below 15min, ossfs below 20min.
        """)
    static let surviveOutage = DurationKey(
      name: "survive_outage", allowed: Duration.zero...Duration.hours(12), standard: times.surviveOutage,
      summary: "How long STS may be down before a reader gets less than the floor. Checked against the times above.")
    static let lapseMargin = DurationKey(
      name: "lapse_margin", allowed: Duration.seconds(1)...Duration.seconds(60), standard: times.lapseMargin,
      summary: "With less than this left a session counts as lapsed and is no longer given out.")
    static let allow = TableKey(
      name: "allow", example: "{ users = [\"uploader\"] }",
      summary:
        "Who may read it over the socket, besides root, the daemon's own user and the admins: nobody unless named here.",
      rule: "{ users = […], groups = […] }")
    static let files = TableKey(
      name: "files", example: "[{ path = \"credentials.json\" }]", isList: true,
      summary: "Files that always hold the role's credential.")
    static let table = SettingTable(
      header: "[roles.NAME]",
      keys: [arn, sessionName, duration, maxDuration, policyFile, externalID, source, pool]
        + [refreshAfter, floor, surviveOutage, lapseMargin, allow, files])
  }

  enum Allow {
    static let users = PrincipalsKey(
      name: "users", kind: .user, example: "[\"uploader\", 1007]", summary: "Users, by name or number.")
    static let groups = PrincipalsKey(
      name: "groups", kind: .group, example: "[\"media\"]", summary: "Groups, by name or number.")
    static let table = SettingTable(header: "[roles.NAME.allow]", keys: [users, groups])
  }

  enum Output {
    static let path = TextKey(
      name: "path", form: "a file name in the role's directory, or an absolute path", isRequired: true,
      example: "\"credentials.json\"",
      summary: "The file: a name in the role's directory, where all its files switch together, or an absolute path.")
    static let format = ChoiceKey(
      name: "format", choices: OutputSettings.Format.allCases.map(\.rawValue),
      standard: OutputSettings.Format.json.rawValue,
      summary: "json is the document that the socket gives; env is lines for EnvironmentFile= and eval.")
    static let owner = PrincipalKey(
      name: "owner", kind: .user, standard: "the daemon's user", example: "\"uploader\"", summary: "Who owns the file.")
    static let group = PrincipalKey(
      name: "group", kind: .group, standard: "the owner's primary group", example: "\"media\"",
      summary: "The file's group.")
    static let mode = ModeKey(
      name: "mode", standard: 0o400,
      summary: "The file's permissions: none beyond 0640, or beyond 0644 with allow_world_readable.")
    static let allowWorldReadable = FlagKey(
      name: "allow_world_readable", summary: "Whether mode may let everybody on the host read the credential.")
    static let table = SettingTable(
      header: "[[roles.NAME.files]]", keys: [path, format, owner, group, mode, allowWorldReadable])
  }
}
