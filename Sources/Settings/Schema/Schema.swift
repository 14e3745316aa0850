import Core

/// All keys of the settings, with type, range and default. Any other key is refused as unknown.
enum Schema {
  static let tables =
    [
      root, Source.table, STS.table, Socket.table, Credentials.table, Loopback.table, Fleet.table, Files.table,
      UnitJobs.table, Access.table,
      Log.table,
    ]
    + [Role.table, Allow.table, Output.table, Scope.table]

  static let source = TableKey(
    name: "source", example: "{ main = { type = \"access-key\", credential = \"access-key\" } }",
    summary: "Who signs the AssumeRole requests.")
  static let roles = TableKey(
    name: "roles", example: "{}", summary: "The roles to keep credentials for.")
  static let sts = TableKey(name: "sts", example: "{}", summary: "How the daemon calls STS.")
  static let socket = TableKey(name: "socket", example: "{}", summary: "The Unix socket that readers connect to.")
  static let credentials = TableKey(
    name: "credentials", example: "{}",
    summary: """
      The socket from which systemd loads credentials for other units, by LoadCredential= in those. It is there if this \
      table is, or if rolekeeper-credentials.socket is enabled.
      """)
  static let loopback = TableKey(
    name: "loopback", example: "{ listen = [\"127.0.0.1:7180\"] }",
    summary: """
      Loopback addresses at which programs of this host get credentials by HTTP, for SDKs that take nothing but a URI: \
      http://127.0.0.1:7180/NAME for ALIBABA_CLOUD_CREDENTIALS_URI, and http://127.0.0.1:7180/NAME/aws for \
      AWS_CONTAINER_CREDENTIALS_FULL_URI. It takes the drop-in loopback.conf. Callers are judged by their user and by the \
      groups that the user database has for that user: by users and groups in each role's allow, not by units. Neither root \
      nor administrators have rights here that aren't written there.
      """)
  static let fleet = TableKey(
    name: "fleet", example: "{ trusted_proxy = \"rolekeeper-nginx\" }",
    summary: """
      Other hosts, which get the roles whose allow.hosts names them: this machine is one of a tier. docs/fleet.md describes \
      it.
      """)
  static let files = TableKey(name: "files", example: "{}", summary: "Where the roles' files go.")
  static let unitJobs = TableKey(
    name: "unit_jobs", example: "{}", summary: "How the units in refresh_units are reloaded.")
  static let access = TableKey(name: "access", example: "{}", summary: "Who may administer the daemon.")
  static let log = TableKey(name: "log", example: "{}", summary: "What goes to the journal.")
  static let root = SettingTable(
    header: "", keys: [source, sts, socket, credentials, loopback, fleet, files, unitJobs, access, log, roles])

  /// The keys that a file of roles.d may have.
  static let rolesFile = SettingTable(header: "roles.d", keys: [roles])

  enum STS {
    static let endpoint = TextKey(
      name: "endpoint", form: "host or host:port", standard: "sts.aliyuncs.com",
      example: "\"sts.cn-hangzhou.aliyuncs.com\"",
      summary: """
        The STS endpoint, always called by HTTPS. Choose the one of the host's own region, which is nearest.
        """)
    static let fallbackEndpoints = TextsKey(
      name: "fallback_endpoints", form: "host or host:port each", most: 4,
      example: "[\"sts-vpc.cn-hangzhou.aliyuncs.com\"]",
      summary: """
        Endpoints to try, in this order, when those before gave no answer. Each gets a request and timeouts of its \
        own.
        """)
    static let regions = TextsKey(
      name: "regions", form: "the name of a region each", most: 32, example: "[\"cn-hangzhou\", \"cn-shanghai\"]",
      summary: """
        Regions whose STS is called in place of endpoint, at sts.REGION.aliyuncs.com. STS counts an account's calls for each \
        region separately, so each adds to the quota of a fleet. A hash of the host's name chooses the home region, which is \
        asked as long as it answers and doesn't throttle. Write the same list on all hosts; its order doesn't count.
        """)
    static let vpc = FlagKey(
      name: "vpc",
      summary: """
        Whether the regions are called at sts-vpc.REGION.aliyuncs.com, which only hosts inside a VPC reach. A region \
        that this host's VPC doesn't reach is tried once a minute and costs that call connect_timeout.
        """)
    static let proxy = TextKey(
      name: "proxy", form: "http://HOST:PORT or http://USER@HOST:PORT", example: "\"http://proxy.example:3128\"",
      summary: """
        The HTTP proxy to reach STS through. TLS runs from the daemon to STS, through the proxy's tunnel (CONNECT). \
        Percent-encode whatever in USER isn't a letter or a digit, as in alice%40corp. The environment's proxy \
        variables are never used.
        """)
    static let proxyPasswordFile = TextKey(
      name: "proxy_password_file", form: "a path, relative to this file or absolute",
      example: "\"/etc/rolekeeper/proxy-password\"",
      summary: """
        A file that holds nothing but the password of the proxy's USER. The daemon's user must own it, and nobody else \
        may read it. A reload reads it again.
        """)
    static let caFile = TextKey(
      name: "ca_file", form: "a path, relative to this file or absolute",
      example: "\"/etc/ssl/certs/ca-certificates.crt\"",
      summary: "The certificate authorities to trust instead of the system's, in PEM form.")
    static let connectTimeout = DurationKey(
      name: "connect_timeout", allowed: Duration.seconds(1)...Duration.seconds(60), standard: .seconds(3),
      summary: """
        How long connecting to an endpoint may take. Looking up its name comes before that and may take as long again, \
        or as long as this host's resolver needs to reach its second name server (/etc/resolv.conf), if that is \
        longer.
        """)
    static let standardTimeout = Duration.seconds(10)
    static let timeout = DurationKey(
      name: "timeout", allowed: Duration.seconds(1)...Duration.seconds(60), standard: standardTimeout,
      summary: "How long a whole request to one endpoint may take, not counting the look-up of its name.")
    static let requestsPerSecond = NumberKey(
      name: "requests_per_second", allowed: 0.1...10_000, standard: 2,
      summary: """
        The most requests that the daemon makes per second, in all regions together: one region has to carry them \
        alone. STS allows an account 100 AssumeRole calls per second in each region, all its users and hosts together.
        """)
    static let burst = IntegerKey(
      name: "burst", allowed: 1...10_000, standard: 20,
      summary: "The most requests that the daemon makes at once after a quiet time.")
    static let fleetSize = IntegerKey(
      name: "fleet_size", allowed: 1...1_000_000, standard: 1,
      summary: """
        How many hosts share the account's quota, this one included. When many start at once, each then takes its share of \
        it: it begins without a burst, and once STS throttles a call, it spreads its calls over the time that all need. On a \
        machine that serves other hosts ([fleet]) it is the number of such machines: the hosts don't call STS.
        """)
    static let table = SettingTable(
      header: "[sts]",
      keys: [endpoint, fallbackEndpoints, regions, vpc, proxy, proxyPasswordFile, caFile, connectTimeout, timeout]
        + [requestsPerSecond, burst, fleetSize])
  }

  enum Socket {
    static let path = TextKey(
      name: "path", form: "an absolute path of at most 107 bytes", standard: StandardPath.socket,
      example: "\"\(StandardPath.socket)\"", summary: "The path of the socket.")
    static let mode = ModeKey(
      name: "mode", standard: 0o660,
      summary: """
        The socket's permissions: they decide who may connect. Each role's allow decides which credentials a \
        client gets.
        """
    )
    static let group = PrincipalKey(
      name: "group", kind: .group, standard: "the daemon's own group", example: "\"rolekeeper-clients\"",
      summary: "The group that owns the socket.")
    static let maxConnections = IntegerKey(
      name: "max_connections", allowed: 1...60_000, standard: 1024,
      summary: "The most connections at a time; 16 more are reserved for root and admins.")
    static let maxConnectionsPerUID = IntegerKey(
      name: "max_connections_per_uid", allowed: 1...60_000, standard: 64,
      summary: "The most connections of one user at a time.")
    static let table = SettingTable(
      header: "[socket]", keys: [path, mode, group, maxConnections, maxConnectionsPerUID])
  }

  enum Credentials {
    static let path = TextKey(
      name: "path", form: "an absolute path of at most 107 bytes", standard: StandardPath.credentials,
      example: "\"\(StandardPath.credentials)\"",
      summary: "The path of that socket. Only root and the daemon's user may connect.")
    static let wait = DurationKey(
      name: "wait", allowed: Duration.zero...RequestWait.longest, standard: RequestWait.standard,
      summary: """
        How long the start of a unit waits for a role without a valid session. If there is none by then, the start fails \
        with status 243.
        """)
    static let table = SettingTable(header: "[credentials]", keys: [path, wait])
  }

  enum Loopback {
    static let listen = TextsKey(
      name: "listen", form: "127.0.0.1:PORT or [::1]:PORT each", most: LoopbackSettings.mostAddresses,
      example: "[\"127.0.0.1:7180\"]",
      summary: """
        The addresses, with a port below 32768, which the kernel gives to no client. Any address in 127.0.0.0/8 will do, \
        but no name.
        """)
    static let table = SettingTable(header: "[loopback]", keys: [listen])
  }

  enum Fleet {
    static let trustedProxy = PrincipalKey(
      name: "trusted_proxy", kind: .user, standard: "none", example: "\"rolekeeper-nginx\"",
      summary: """
        The user of the nginx that passes hosts' requests on, with their certificates in the header \
        Rolekeeper-Client-Certificate. Give that nginx a user of its own: whatever runs as this user can have each role as any \
        host. The user has no rights besides, and may use all of max_connections.
        """)
    static let table = SettingTable(header: "[fleet]", keys: [trustedProxy])
  }

  enum Files {
    static let directory = TextKey(
      name: "directory", form: "an absolute path", standard: StandardPath.roles,
      example: "\"\(StandardPath.roles)\"", summary: "The directory in which each role has a directory of its own.")
    static let table = SettingTable(header: "[files]", keys: [directory])
  }

  enum UnitJobs {
    static let timeout = DurationKey(
      name: "timeout", allowed: Duration.seconds(1)...Duration.hours(1),
      standard: DaemonSettings.standardUnitJobTimeout,
      summary: """
        How long the daemon waits for a unit's reload or restart, or for the end of a start that was under way. Then \
        it cancels nothing and reports 'timeout'; only a start is waited for again.
        """)
    static let table = SettingTable(header: "[unit_jobs]", keys: [timeout])
  }

  enum Access {
    static let adminUsers = PrincipalsKey(
      name: "admin_users", kind: .user, example: "[\"alice\", 1007]",
      summary:
        """
        Users who may read every role, reload, refresh and see the metrics. Root and the daemon's own user always may.
        """)
    static let adminGroups = PrincipalsKey(
      name: "admin_groups", kind: .group, example: "[\"wheel\"]", summary: "Groups whose members may do the same.")
    static let table = SettingTable(header: "[access]", keys: [adminUsers, adminGroups])
  }

  enum Log {
    static let level = ChoiceKey(
      name: "level", choices: LogLevel.allCases.map(\.rawValue), standard: LogLevel.notice.rawValue,
      summary: """
        The lowest level that is logged. With warning or error, hand-outs aren't recorded, and rolekeeper who-had finds \
        none.
        """)
    static let table = SettingTable(header: "[log]", keys: [level])
  }
}
