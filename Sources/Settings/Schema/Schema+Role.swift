import Core

/// The keys of a role. The defaults of the pool's times are those of `RoleTiming` in Core.
extension Schema {
  private static let times = RoleTiming()

  enum Role {
    static let arn = TextKey(
      name: "role_arn", form: "acs:ram::ACCOUNT:role/NAME", isRequired: true,
      example: "\"acs:ram::1234567890123456:role/ramtestupload\"",
      summary: "The RAM role's ARN, which is on its page in the RAM console.")
    static let sessionName = TextKey(
      name: "session_name", form: "2 to 64 of A-Z a-z 0-9 . @ - _ with {host}, {role}, {slot}, {user} and {shard}",
      standard: SessionNameTemplate.standard.description, example: "\"\(SessionNameTemplate.standard)\"",
      summary: """
        The name of the role's sessions, which ActionTrail shows. When it gets too long, {host} is shortened and ends \
        in 8 characters of a hash. {user} goes with session_per = "user", which requires it, and {shard} with "shard".
        """)
    static let duration = DurationKey(
      name: "duration", allowed: RoleTiming.allowedDuration, standard: times.duration,
      summary: "How long a session is valid; at most the role's MaxSessionDuration.")
    static let maxDuration = DurationKey(
      name: "max_duration", allowed: RoleTiming.allowedDuration, derivation: "duration",
      summary: """
        The longest session that is fetched for readers who ask for one (min_ttl, at most a minute less); at most the role's \
        MaxSessionDuration.
        """)
    static let policyFile = TextKey(
      name: "policy_file", form: "a path, relative to this file or absolute", example: "\"uploader.policy.json\"",
      summary: """
        A session policy, which narrows the role's permissions, in RAM's JSON. It is sent without white space and must \
        then be smaller than 2048 bytes.
        """)
    static let externalID = TextKey(
      name: "external_id", form: "2 to 1224 of A-Z a-z 0-9 _ + = , . @ : / -", example: "\"2f9c1e\"",
      summary: "The ExternalId, if the role's trust policy requires one.")
    static let source = TextKey(
      name: "source", form: "the NAME of a [source.NAME]", example: "\"main\"",
      summary: "The source that signs for this role. It may be left out when there is only one.")
    static let pool = IntegerKey(
      name: "pool", allowed: 1...16, standard: Int64(times.pool),
      summary: """
        How many valid sessions are kept, of staggered ages. Readers get the one that expires last; the others are \
        standbys. When a session is reported and STS doesn't accept it any more, a standby replaces it at once. With 1 \
        there is no standby.
        """)
    static let refreshAfter = DurationKey(
      name: "refresh_after", allowed: Duration.seconds(2)...RoleTiming.allowedDuration.upperBound,
      derivation: "half of duration",
      summary: """
        The age at which a session is replaced; at most duration. With pool = 2 a new one comes after each half of it, so that \
        the two are of different age.
        """)
    static let floor = DurationKey(
      name: "floor", allowed: Duration.zero...RoleTiming.allowedDuration.upperBound, standard: times.floor,
      summary: """
        The shortest remaining lifetime that readers get while STS works. With less than that left, many programs ask \
        again on each call, and fail if that fails although their credential is still valid, say while the daemon is \
        restarted. So keep the floor above their margins: the FUSE ossfs 20min, SDKs with a credentials URI 15min, \
        botocore 15min, SDKs with a process_command (mode External) 3min. docs/consumers.md has a list.
        """)
    static let surviveOutage = DurationKey(
      name: "survive_outage", allowed: Duration.zero...RoleTiming.allowedDuration.upperBound,
      standard: times.surviveOutage,
      summary: """
        How long STS may be down before readers get less than the floor. Settings that can't provide this are refused.
        """)
    static let lapseMargin = DurationKey(
      name: "lapse_margin", allowed: Duration.seconds(1)...Duration.seconds(60), standard: times.lapseMargin,
      summary: "A session with less than this left counts as expired and is no longer handed out.")
    static let required = FlagKey(
      name: "required",
      summary: """
        Whether the start of the service waits for a credential of the role, however long that takes. Units that are \
        ordered after rolekeeper.service wait, too.
        """)
    static let refreshUnits = TextsKey(
      name: "refresh_units", form: "names of service units, with * and ? as wildcards", most: 64,
      example: "[\"encode@*.service\"]",
      summary: """
        Services that are reloaded each time the role has a new credential, or restarted if they can't be reloaded. Those \
        that aren't running stay so. The daemon's user needs a polkit rule for it: sudo rolekeeper check --print-polkit \
        prints that.
        """)
    static let allow = TableKey(
      name: "allow", example: "{ users = [\"uploader\"] }",
      summary:
        """
        Who may read the role over the socket, besides root, the daemon's own user and the admins: whoever matches one of \
        the lists. Unless named here, nobody else may.
        """,
      rule: "{ users = […], groups = […], units = […], hosts = […] }")
    static let files = TableKey(
      name: "files", example: "[{ path = \"credentials.json\" }]", isList: true,
      summary: "Files in which the daemon keeps the role's current credential.")
    static let sessionPer = ChoiceKey(
      name: "session_per", choices: ["role", "user", "shard"], standard: "role",
      summary: """
        Who shares a session over the socket: all readers of the role, or with "user" only the processes of one user. Each user's \
        session is fetched at its first read, with the user's name in session_name. Files and LoadCredential= have the \
        role's own session in any case. With "shard" other hosts (allow.hosts) have sessions apart from those of this \
        host: they are divided by their names, and each part shares some, which have the part's number in session_name.
        """)
    static let shards = IntegerKey(
      name: "shards", allowed: 1...4096, standard: Int64(DerivedSettings.standardShards),
      summary: """
        With session_per = "shard", into how many parts the hosts are divided. Each has as many sessions as pool says, \
        fetched at the first request and renewed while it is used; the rate has to allow for all of them.
        """)
    static let maxUsers = IntegerKey(
      name: "max_users", allowed: 1...10_000, standard: Int64(UserSessions.standardMost),
      summary: """
        With session_per = "user", the most users with a session at a time, for the role and for each of its scopes. \
        The rate has to allow for all of them.
        """)
    static let sourceIdentity = FlagKey(
      name: "source_identity",
      summary: """
        With session_per = "user", whether the user's name is also sent as SourceIdentity. A session keeps it when it \
        assumes another role.
        """)
    static let idle = DurationKey(
      name: "idle", allowed: Duration.minutes(5)...Duration.hours(24), standard: DerivedSettings.standardIdle,
      summary: """
        After how long without a read the session of a scope, a user or a shard is dropped. Until then it is renewed as the \
        role's own sessions are.
        """)
    static let scopes = TableKey(
      name: "scopes", example: "{ encode = { policy_file = \"encode.policy.json\" } }",
      summary: """
        A scope of the role: a session for one task, with fewer permissions. It is fetched when somebody asks for it, as \
        rolekeeper get --scope does, and goes to no file.
        """)
    static let table = SettingTable(
      header: "[roles.NAME]",
      keys: [arn, sessionName, duration, maxDuration, policyFile, externalID, source, pool]
        + [refreshAfter, floor, surviveOutage, lapseMargin, required, refreshUnits]
        + [sessionPer, maxUsers, sourceIdentity, shards, idle, allow, files, scopes])
  }

  enum Scope {
    static let policyFile = TextKey(
      name: "policy_file", form: "a path, relative to this file or absolute", isRequired: true,
      example: "\"encode.policy.json\"",
      summary: """
        The session policy of the scope, which is sent in place of the role's. It should permit no more than that, and \
        is refused where it can be shown that it does.
        """)
    static let maxDuration = DurationKey(
      name: "max_duration", allowed: RoleTiming.allowedDuration, derivation: "the role's max_duration",
      summary: """
        The longest session of the scope. If it is shorter than the role's duration, the scope's sessions last as long, \
        and have a floor that is shorter in proportion.
        """)
    static let sessionName = TextKey(
      name: "session_name", form: "2 to 64 of A-Z a-z 0-9 . @ - _ with {host}, {role}, {slot}, {scope} and {user}",
      example: "\"{host}-{role}-{scope}\"",
      summary: """
        The name of the scope's sessions. Without it, it is the role's with {scope} in place of {slot}, or at its \
        end; where the role's has {user}, it is at the end, after @. One that could give two users the same name is refused.
        """)
    static let allow = TableKey(
      name: "allow", example: "{ users = [\"encoder\"] }",
      summary: """
        Who may read the scope besides all that may read the role. Those who are named only here get no other \
        credential of the role.
        """,
      rule: "{ users = […], groups = […], units = […] }")
    static let table = SettingTable(
      header: "[roles.NAME.scopes.TASK]", keys: [policyFile, maxDuration, sessionName, allow])
  }

  enum Allow {
    static let users = PrincipalsKey(
      name: "users", kind: .user, example: "[\"uploader\", 1007]", summary: "Users, by name or number.")
    static let groups = PrincipalsKey(
      name: "groups", kind: .group, example: "[\"media\"]", summary: "Groups, by name or number.")
    static let units = TextsKey(
      name: "units", form: "names of service, socket, mount or swap units, with * and ? as wildcards", most: 64,
      example: "[\"encode@*.service\"]",
      summary: """
        System units that may have the role's credential: by LoadCredential=, and their processes over the socket. Units \
        of a user's service manager never match.
        """)
    static let hosts = TextsKey(
      name: "hosts", form: "names of hosts, with * and ** as wildcards", most: 64, example: "[\"*.prod.example\"]",
      summary: """
        With [fleet], other hosts, by the names in their certificates: a DNS name (without any, the common name), or a URI \
        such as spiffe://prod.example/web/*. The * stands for characters within one label or one segment, so it matches no \
        dot and no slash; ** matches those, too.
        """)
    static let table = SettingTable(header: "[roles.NAME.allow]", keys: [users, groups, units, hosts])
  }

  enum Output {
    static let path = TextKey(
      name: "path", form: "a file name in the role's directory, or an absolute path", isRequired: true,
      example: "\"credentials.json\"",
      summary: """
        The file: a name in the role's directory, whose files are all replaced together, or an absolute path.
        """)
    static let format = ChoiceKey(
      name: "format", choices: CredentialFormat.allCases.map(\.rawValue) + [OutputFormat.templateName],
      standard: CredentialFormat.json.rawValue,
      summary: """
        What reads it: json is the same document as from the socket; env has NAME='value' lines for a shell; env-file has \
        NAME=value lines for EnvironmentFile=, docker, podman and dotenv; aws is a shared credentials file; aws-process is \
        the output of a credential_process; aws-container is the answer of a container's credentials URI; odps is the file \
        of ODPS_STS_ACCOUNT_FILE, and pyodps goes on signing with the old secret when that is renewed; ossutil is the configuration of ossutil 1 and 2; aliyun-cli is a config.json of aliyun, and has to \
        be in the role's directory; template is the file that template names, filled in.
        """)
    static let template = TextKey(
      name: "template", form: "a path, relative to this file or absolute",
      example: "\"/etc/rolekeeper/app.conf.template\"",
      summary: """
        For format = "template", the file to fill in: {{access_key_id}}, {{access_key_secret}}, {{security_token}}, \
        {{expiration}} and {{last_updated}} are replaced, as they are, or escaped as in {{security_token|json}}, |shell or \
        |ini. It is read at the start and at each reload.
        """)
    static let owner = PrincipalKey(
      name: "owner", kind: .user, standard: "the daemon's user", example: "\"uploader\"",
      summary: "The user who owns the file.")
    static let group = PrincipalKey(
      name: "group", kind: .group, standard: "the owner's primary group", example: "\"media\"",
      summary: "The file's group.")
    static let mode = ModeKey(
      name: "mode", standard: 0o400,
      summary: "The file's permissions: none but those in 0640, or in 0644 with allow_world_readable.")
    static let allowWorldReadable = FlagKey(
      name: "allow_world_readable", summary: "Whether mode may let every user of the host read the credential.")
    static let table = SettingTable(
      header: "[[roles.NAME.files]]", keys: [path, format, template, owner, group, mode, allowWorldReadable])
  }
}
