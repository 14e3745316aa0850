import CLinux
import Core
import Diagnosis
import Glibc
import Settings

/// `rolekeeper doctor`: looks at all that rolekeeper and its readers need on this host, and changes nothing.
///
/// Root looks as the daemon's user at the network, and as the user of `--as` at the socket and at that user's files.
struct Doctor {
  /// What the command line asked for.
  struct Query {
    var config: String
    /// Whose rights and traps are looked at; nil for who runs this, unless that is root.
    var user: String?
    /// Nil for the settings' socket.
    var socket: String?
    var isJSON = false
  }

  /// The exit statuses, in the numbering that monitoring programs expect.
  private enum Outcome {
    static let ok: Int32 = 0
    static let warnings: Int32 = 1
    static let failed: Int32 = 2
    static let unknown: Int32 = 3
  }

  private let query: Query
  private let host = SystemHost()
  private let isRoot = geteuid() == 0
  private var report: FindingReport

  static func run(_ query: Query) -> Int32 {
    var doctor = Doctor(query)
    do {
      try doctor.look()
    } catch {
      Console.report("\(Console.program): \(error)")
      return Outcome.unknown
    }
    doctor.report.finish()
    guard Check.isPrinted() else { return Outcome.unknown }
    switch doctor.report.worst {
    case .ok, .note, .skipped: return Outcome.ok
    case .warning: return Outcome.warnings
    case .failed: return Outcome.failed
    }
  }

  private init(_ query: Query) {
    self.query = query
    report = FindingReport(query.isJSON ? .json : .text, write: Output.write)
  }

  private mutating func look() throws {
    let person = try self.person()
    let run = self.settings()
    let settings = run?.loaded.settings
    report.add(.service(isOurs: run.map { $0.unit != nil } ?? false))
    // Before root is given up.
    if let person {
      for finding in try Impersonation.run(as: person, { look(at: person, run, settings) }) { report.add(finding) }
    } else {
      for finding in lookAtSocket(as: run, settings) { report.add(finding) }
      report.add(
        Finding(
          .skipped, "user", "no user's rights and files were looked at",
          next: "for a user's: sudo rolekeeper doctor --as USER"))
      if let addresses = settings?.loopback?.addresses {
        for finding in LoopbackFindings(addresses, asker: nil).findings { report.add(finding) }
      }
    }
    if let settings { lookAtUnits(settings) }
    if settings?.fleet != nil, isRoot { report.add(.fleetListener()) }
    if let run, let settings {
      try lookAtCloud(run, settings)
    } else {
      report.add(Finding(.skipped, "STS", "isn't asked without settings"))
    }
    if let synchronisation = Finding.clockSynchronisation { report.add(synchronisation) }
  }

  /// The user whose rights are looked at.
  private func person() throws -> HostUser? {
    guard let name = query.user else {
      guard !isRoot else { return nil }
      return try host.user(uid: geteuid()) ?? HostUser(name: "\(geteuid())", uid: geteuid(), gid: getegid())
    }
    guard let user = try host.user(named: name) else { throw JudgeError("'--as \(name)': there is no such user") }
    guard isRoot || user.uid == geteuid() else {
      throw JudgeError("'--as \(name)': only root can look as another user; run: sudo rolekeeper doctor --as \(name)")
    }
    return user
  }

  // MARK: - Settings

  private mutating func settings() -> CheckRun? {
    if !isRoot, access(query.config, R_OK) != 0, errno == EACCES {
      report.add(
        Finding(
          .skipped, "settings", "you may not read '\(query.config)'",
          next: "to look at more, run: sudo rolekeeper doctor"))
      return nil
    }
    guard let run = CheckRun(config: query.config, user: nil, prints: false, command: "doctor") else {
      report.add(Finding(.failed, "settings", "they can't be checked", next: "run: sudo rolekeeper check"))
      return nil
    }
    report.say(run.judge.introduction)
    for finding in run.loaded.diagnostics { report.add(Finding(finding)) }
    if let settings = run.loaded.settings {
      report.add(.settings(query.config, settings))
    }
    return run
  }

  // MARK: - The cloud

  private mutating func lookAtCloud(_ run: CheckRun, _ settings: DaemonSettings) throws {
    let asRoot: ((() -> SourceKey) -> SourceKey)? = run.judge.isRoot ? { run.judge.asRoot($0) } : nil
    let keys = settings.sources.map { source in
      (
        source.name,
        SourceKey(
          of: source, among: settings.sources, unit: run.unit, isDaemonsUser: run.judge.isDaemonsUser, asRoot: asRoot)
      )
    }
    try run.judge.giveRootUp()
    if let asRoot = run.judge.rootFinding { report.add(asRoot) }
    for finding in CertificateFindings(settings.sources, now: now, isDaemonsUser: run.judge.isDaemonsUser).findings {
      report.add(finding)
    }
    if !settings.needsTiersAlone {
      for finding in try NameFindings(settings.sts).findings() { report.add(finding) }
    }
    var online = try OnlineCheck(settings, hostName: host.name)
    if !settings.needsTiersAlone { online.tryEndpoints(&report) }
    if !settings.needsTiersAlone,
      let proxy = ProxyFinding(settings.sts, reachesSTS: online.reachesSTS, environment: environment()).finding
    {
      report.add(proxy)
    }
    for (name, key) in keys { online.trySource("source \(name)", key, roles: [], &report) }
  }

  // MARK: - The socket and its users

  private func socketPath(_ settings: DaemonSettings?) -> String {
    query.socket ?? settings?.socket.path ?? StandardPath.socket
  }

  private func lookAtSocket(as run: CheckRun?, _ settings: DaemonSettings?) -> [Finding] {
    let look = {
      SocketFindings(path: socketPath(settings), reader: "root", now: now).findings
    }
    return run.map { $0.judge.asRoot(look) } ?? look()
  }

  private func look(at person: HostUser, _ run: CheckRun?, _ settings: DaemonSettings?) -> [Finding] {
    let path = socketPath(settings)
    let socket = SocketFindings(path: path, reader: person.name, now: now)
    let present = isRoot ? nil : Set(Impersonation.groups() + [getegid()])
    let rights = RightsFindings(person, present: present, on: SystemHost())
    var found = socket.findings
    if let connection = rights.connection(to: path) { found.append(connection) }
    if let readable = socket.readable {
      found.append(
        RightsFindings.roles(
          readable, of: person.name, others: settings.map { $0.roles.count - readable.roleCount }))
    } else if let settings {
      found.append(rights.roles(in: settings, daemonsUID: run?.judge.daemonsUser?.uid))
    }
    return found + loopback(of: person, rights, settings, socket) + traps(of: person)
  }

  /// Asks there for one of the roles that `person` may read, by the settings, or else by what the daemon says.
  private func loopback(
    of person: HostUser, _ rights: RightsFindings, _ settings: DaemonSettings?, _ socket: SocketFindings
  ) -> [Finding] {
    if let settings {
      guard let addresses = settings.loopback?.addresses else { return [] }
      return LoopbackFindings(addresses, user: person.name, rights.loopback(in: settings)).findings
    }
    guard let (address, right) = socket.loopback else { return [] }
    return LoopbackFindings([address], user: person.name, right).findings
  }

  private func traps(of person: HostUser) -> [Finding] {
    let home = homeDirectory(of: person)
    let isOwn = !isRoot
    let files = LoginFiles(home: home, names: VariableTraps.names.union(FileTraps.names)) { text(of: $0) }
    let variables =
      isOwn ? VariableTraps(environment()) : VariableTraps(files.values, places: files.places)
    let traps = FileTraps(home: home, variables: isOwn ? environment() : files.values) { path in
      text(of: path).map { text in
        FileTraps.File(
          text: text,
          isWritable: faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0 && host.mayWrite(to: "\(home)/.aliyun"))
      }
    }
    return variables.findings + traps.findings
  }

  private mutating func lookAtUnits(_ settings: DaemonSettings) {
    for stale in StaleEnvironment.find(for: settings, on: host) {
      report.add(
        Finding(
          .warning, "unit \(stale.unit)",
          "reads '\(stale.file)' as EnvironmentFile= when it starts, and never a new credential",
          next: "write refresh_units = [\"\(stale.unit)\"] in [roles.\(stale.role)], which restarts it at each rotation"
        ))
    }
  }

  // MARK: - This host

  private var now: UTCTime { UTCTime(seconds: Int64(time(nil))) }

  private func environment() -> [String: String] {
    var values: [String: String] = [:]
    var next = clinux_environment()
    while let entry = next?.pointee {
      let parts = String(cString: entry).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { values[String(parts[0])] = String(parts[1]) }
      next = next?.advanced(by: 1)
    }
    return values
  }

  private func homeDirectory(of user: HostUser) -> String {
    if !isRoot, let home = getenv("HOME") { return String(cString: home) }
    return getpwuid(user.uid).map { String(cString: $0.pointee.pw_dir) } ?? "/nonexistent"
  }

  /// A text file that the acting user may read, of at most a megabyte.
  private func text(of path: String) -> String? {
    (try? host.read(path, limit: 1 << 20)).map { String(decoding: $0.bytes, as: UTF8.self) }
  }
}
