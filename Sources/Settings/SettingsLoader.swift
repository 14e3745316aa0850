import Core

/// The result of loading the settings.
package struct LoadedSettings: Sendable {
  /// Nil if the diagnostics include an error.
  package let settings: DaemonSettings?
  /// All findings, in the order of files and lines.
  package let diagnostics: [Diagnostic]
  /// The files that were read and belong to the settings.
  package let content: SettingsContent
  /// The session policies by role, in the order of the settings; none outside a check.
  package let policyFiles: [SessionPolicyFile]

  package init(
    settings: DaemonSettings?, diagnostics: [Diagnostic], content: SettingsContent = SettingsContent(),
    policyFiles: [SessionPolicyFile] = []
  ) {
    self.settings = settings
    self.diagnostics = diagnostics
    self.content = content
    self.policyFiles = policyFiles
  }

  package var errors: [Diagnostic] { diagnostics.filter { $0.severity == .error } }

  /// Whether all errors may be gone at the next reading without a change to the settings.
  package var isFailurePassing: Bool {
    settings == nil && diagnostics.allSatisfy { $0.severity != .error || $0.isPassing }
  }
}

/// Reads the settings file, then the files of `roles.d` beside it, sorted by name.
///
/// The result is all or nothing: with a single error there are no settings, but all errors are reported.
package struct SettingsLoader {
  private let host: any Host
  private let check: CheckScope?
  private let socketUnit: SocketUnit?
  private let credentialsUnit: SocketUnit?
  private let mayLackAuthorities: Bool

  /// `check` is set for a check, which looks at more than the daemon does for itself; `socketUnit` and
  /// `credentialsUnit` are the sockets that were passed to the daemon. With `mayLackAuthorities`, a `ca_file` that can't be used
  /// is no error; whoever reads its certificates reports it.
  package init(
    host: any Host = SystemHost(), check: CheckScope? = nil, socketUnit: SocketUnit? = nil,
    credentialsUnit: SocketUnit? = nil, mayLackAuthorities: Bool = false
  ) {
    self.host = host
    self.check = check
    self.socketUnit = socketUnit ?? check?.socketUnit
    self.credentialsUnit = credentialsUnit ?? check?.credentialsUnit
    self.mayLackAuthorities = mayLackAuthorities
  }

  /// Reads the settings again from the files of an earlier reading. The users and files that they name are looked up as
  /// they are now.
  package func load(_ path: String, from content: SettingsContent) -> LoadedSettings {
    SettingsLoader(
      host: RecordedHost(content, on: host), check: check, socketUnit: socketUnit, credentialsUnit: credentialsUnit,
      mayLackAuthorities: mayLackAuthorities
    ).load(path)
  }

  package func load(_ path: String) -> LoadedSettings {
    let runningUnit = check == nil ? InstalledUnit.running(on: host, with: path) : nil
    let run = LoadRun(
      host: host, check: check, runningUnit: runningUnit, units: (socketUnit, credentialsUnit), path: path,
      mayLackAuthorities: mayLackAuthorities)
    let settings = run.load()
    return LoadedSettings(
      settings: run.context.findings.hasErrors ? nil : settings, diagnostics: run.sortedDiagnostics,
      content: run.context.content, policyFiles: run.context.policies.uses)
  }
}

/// One run of the loader.
private final class LoadRun {
  let context: LoadContext
  private let sockets: SocketsReader
  private let path: String
  private var files: [String] = []
  private var inventory: [SettingsInventory.File] = []
  private var roles: [RoleSettings] = []
  private var places: [RoleName: Place] = [:]
  /// Whether roles may exist besides those that were read.
  private var hasUnreadRoles = false
  /// Whether a settings file couldn't be read.
  private var hasUnreadFiles = false
  /// Names in `roles.d` that aren't read as settings.
  private var otherNames: [String] = []

  init(
    host: any Host, check: CheckScope?, runningUnit: InstalledUnit?,
    units: (socket: SocketUnit?, credentials: SocketUnit?), path: String, mayLackAuthorities: Bool
  ) {
    context = LoadContext(
      host: host, check: check, runningUnit: runningUnit, staysUp: units.socket != nil || units.credentials != nil,
      mayLackAuthorities: mayLackAuthorities)
    sockets = SocketsReader(context: context, socketUnit: units.socket, credentialsUnit: units.credentials)
    self.path = PathText.normal(path, in: host.workingDirectory) ?? path
  }

  private var findings: Findings { context.findings }

  /// Nil if an error was reported that makes it impossible to continue.
  func load() -> DaemonSettings? {
    files.append(path)
    let file = SettingsFile(path, context: context)
    hasUnreadFiles = file == nil
    let main = TableReader(file?.nodes ?? [], schema: Schema.root, at: Place(file: path), context: context)
    let socket = sockets.socket(main)
    let credentials = sockets.credentials(main, besides: socket)
    let loopback = LoopbackSettings.read(main)
    let fleetReader = FleetReader(main)
    let fleet = fleetReader.read()
    let filesTable = main.table(Schema.files, Schema.Files.table)
    let directory = filesTable.absolutePath(Schema.Files.directory)
    if let directory {
      WritablePlace(context: context, place: filesTable.place(of: Schema.Files.directory))
        .check(filesDirectory: directory, isWritten: filesTable.isWritten(Schema.Files.directory))
    }
    let unitJobTimeout = main.table(Schema.unitJobs, Schema.UnitJobs.table).duration(Schema.UnitJobs.timeout)
    let admins = AccessRule(main.table(Schema.access, Schema.Access.table))
    let level = main.table(Schema.log, Schema.Log.table).choice(Schema.Log.level).flatMap(LogLevel.init)
    let stsTable = main.table(Schema.sts, Schema.STS.table)
    let sts = STSSettings(stsTable)
    let sourceNodes = main.nodes(Schema.source)
    context.accessKeySources = sourceNodes.filter { $0.isAccessKey }.map(\.key)
    let sources = sources(sourceNodes, main)
    context.lendingRoles = Set(sources.compactMap(\.role))
    context.chainingSources = Set(sources.filter(\.kind.isSession).map(\.name))

    let outputs = OutputReader(filesDirectory: directory, host: context.host)
    let areNamesKnown = file != nil && !main.isMisspelt(Schema.source)
    let names = SourceNames(
      sourceNodes.map(\.key), areComplete: areNamesKnown && sourceNodes.allSatisfy { RoleName($0.key) != nil })
    let requestTimeout = sts?.wholeTimeout ?? Schema.STS.standardTimeout
    func read(_ table: TableReader, _ name: RoleName, _ outputs: OutputReader) -> RoleSettings? {
      RoleReader(table: table, name: name, sources: names, requestTimeout: requestTimeout).read(outputs: outputs)
    }
    readRoles(main, file, outputs, besides: rolesElsewhere(file?.nodes ?? [], main), read: read)
    for file in rolesFiles() {
      let table = TableReader(file.nodes, schema: Schema.rolesFile, at: Place(file: file.path), context: context)
      readRoles(table, file, outputs, besides: rolesElsewhere(file.nodes, table), read: read)
    }
    noteIgnored()

    guard file != nil else { return nil }
    if !places.isEmpty, sourceNodes.isEmpty, !main.isMisspelt(Schema.source) {
      findings.error(
        Place(file: path, key: "source"), "is missing, and the roles need one",
        "write [source.main] with type = \"access-key\" and credential = \"access-key\"")
    }
    if places.isEmpty, !main.isMisspelt(Schema.roles), !hasUnreadRoles {
      findings.note(Place(file: path), "there is no role in the settings yet", "write [roles.NAME] and its keys below")
    }
    TokenRoles(sources: sources, roles: roles, context: context).check()
    SourceChains(sources: sources, roles: roles, context: context)
      .check(knownRoles: Set(places.keys), areComplete: !hasUnreadRoles && !main.isMisspelt(Schema.roles), sts: sts)
    if let sts {
      prove(rate: sts, stsTable, servesHosts: fleet != nil)
      TierProof(sources: sources, roles: roles, sts: sts, context: context, places: places).check()
    }
    fleetReader.check(fleet, roles: roles, admins: admins, socket: socket)
    if let socket { context.reach.check(socket, context: context) }
    if let place = context.unitsPlace, context.unit?.hidesProcesses == true {
      findings.warning(
        place, "names units, and ProtectProc= in the daemon's unit hides which unit a reader of the socket belongs to",
        "take ProtectProc= out of the drop-ins of \(RolekeeperUnit.service), or name the units' users, too; LoadCredential= isn't affected"
      )
    }
    if let place = context.givenFilePlace, context.unit?.changesOwners == false {
      findings.warning(
        place,
        "gives the file to another user or group than the daemon's, which takes CAP_CHOWN, and the daemon's unit doesn't have that, so the file can't be written",
        "take CapabilityBoundingSet=, AmbientCapabilities= and SystemCallFilter= out of the drop-ins of \(RolekeeperUnit.service), or remove owner and group"
      )
    }
    RoleReader.reportUnread(in: context)
    if let place = context.requiredPlace, context.check?.unit?.reportsReady == false {
      findings.warning(
        place, "has no effect, since the unit isn't of Type=notify: systemd doesn't wait for the daemon",
        SafeFix.dropIn("Type=notify"))
    }
    context.checkPolkit()
    if context.check?.unit != nil, !main.isMisspelt(Schema.credentials) {
      context.checkConsumers(of: credentials, roles: roles)
    }
    claim(outputs, socket: socket, credentials: credentials, sts: sts, sources: sources)
    outputs.reportClashes(to: findings)
    guard let socket, let directory, let level, let sts, let unitJobTimeout else { return nil }
    return DaemonSettings(
      sources: sources, sts: sts, socket: socket, credentials: credentials, loopback: loopback, fleet: fleet,
      filesDirectory: directory,
      unitJobTimeout: unitJobTimeout, admins: admins, logLevel: level, roles: roles,
      inventory: SettingsInventory(
        files: inventory, sections: Set((file?.nodes ?? []).map(\.key)), userNames: context.principals.names(.user),
        groupNames: context.principals.names(.group)))
  }

  /// Sorted by file, the settings file first and the others in the order of reading, then by line.
  var sortedDiagnostics: [Diagnostic] {
    var order: [String: Int] = [:]
    for file in files + findings.diagnostics.map(\.place.file) where order[file] == nil { order[file] = order.count }
    func rank(_ place: Place) -> (Int, Int, Int) { (order[place.file] ?? 0, place.line ?? 0, place.column ?? 0) }
    return findings.diagnostics.sorted { rank($0.place) < rank($1.place) }
  }

  private func sources(_ nodes: [TOMLNode], _ main: TableReader) -> [SourceSettings] {
    nodes.compactMap { node in
      guard let table = main.table(node, in: Schema.source, Schema.Source.table) else { return nil }
      guard RoleName(node.key) != nil else {
        findings.error(table.place, "isn't a valid name for a source", NameRule.remedy(for: node.key, in: "source"))
        // To report other errors in it.
        _ = SourceReader(table: table).read(as: node.key)
        return nil
      }
      return SourceReader(table: table).read(as: node.key)
    }
  }

  /// The roles whose tables have a wrong header, which was reported: `[role.uploader]`, `[roles.Uploader]`. The other
  /// tables of such a role, such as `[roles.uploader.allow]`, lack the keys that are under the wrong header.
  private func rolesElsewhere(_ nodes: [TOMLNode], _ reader: TableReader) -> Set<RoleName> {
    var names: Set<RoleName> = []
    for node in nodes {
      guard case .table(let members) = node.value else { continue }
      if node.key == Schema.roles.name {
        names.formUnion(members.filter { RoleName($0.key) == nil }.compactMap { NameRule.nearest(to: $0.key) })
      } else if reader.isWritten(Schema.roles), reader.isMisspelling(node.key, of: Schema.roles) {
        names.formUnion(members.compactMap { RoleName($0.key) ?? NameRule.nearest(to: $0.key) })
      }
    }
    return names
  }

  private func readRoles(
    _ reader: TableReader, _ file: SettingsFile?, _ outputs: OutputReader, besides elsewhere: Set<RoleName>,
    read: (TableReader, RoleName, OutputReader) -> RoleSettings?
  ) {
    var names: [RoleName] = []
    /// Reads a table that can't be a role, to report other errors in it.
    func report(_ table: TableReader, as name: RoleName) {
      let (timings, derivedCalls) = (context.timings, context.derivedCallsPerSecond)
      _ = read(table, name, OutputReader(filesDirectory: outputs.filesDirectory, host: context.host))
      (context.timings, context.derivedCallsPerSecond) = (timings, derivedCalls)
    }
    defer {
      let endsInLineFeed = file?.endsInLineFeed ?? true
      inventory.append(
        .init(
          path: reader.place.file, roles: names, endsInLineFeed: endsInLineFeed,
          lastTable: LastTable(file?.nodes ?? [])))
    }
    let nodes = reader.nodes(Schema.roles)
    for node in nodes {
      guard var table = reader.table(node, in: Schema.roles, Schema.Role.table) else { continue }
      guard let name = RoleName(node.key) else {
        findings.error(table.place, "isn't a valid name for a role", NameRule.remedy(for: node.key, in: "roles"))
        hasUnreadRoles = true
        if let near = NameRule.nearest(to: node.key) {
          // The missing keys may be in the table with the correct name.
          table.reportsMissing = !nodes.contains { $0.key == near.description }
          report(table, as: near)
        }
        continue
      }
      if let first = places[name] {
        findings.error(table.place, "is configured twice, first at \(first)", "remove or rename one of them")
        report(table, as: name)
        continue
      }
      places[name] = table.place
      names.append(name)
      table.reportsMissing = !elsewhere.contains(name)
      if let role = read(table, name, outputs) { roles.append(role) }
    }
  }

  private var rolesDirectory: String { "\(PathText.directory(of: path))/roles.d" }

  private func rolesFiles() -> [SettingsFile] {
    let directory = rolesDirectory
    let names: [String]
    do throws(HostError) { names = try context.host.names(in: directory) } catch {
      let problem = "the directory can't be read: \(error)"
      if error == .denied {
        hasUnreadRoles = true
        findings.denied(Place(file: directory), problem, SafeFix.reach(directory, on: context.host))
      } else if case .passing = error {
        hasUnreadRoles = true
        findings.passing(Place(file: directory), problem, "check that directory and its disk")
      } else if error != .missing {
        findings.error(Place(file: directory), problem, "make it a directory again, or move it away")
      }
      return []
    }
    context.trust.check(directory: directory)
    let paths = names.filter { $0.hasSuffix(".toml") && !$0.hasPrefix(".") }.sorted().map { "\(directory)/\($0)" }
    otherNames = names.filter { !$0.hasSuffix(".toml") }
    context.files.directories.append(
      SettingsContent.Directory(path: directory, names: paths.map { PathText.name(of: $0) }))
    files += paths
    let read = paths.compactMap { SettingsFile($0, context: context) }
    if read.count < paths.count { (hasUnreadRoles, hasUnreadFiles) = (true, true) }
    return read
  }

  /// Notes files in `roles.d` that are ignored, since a file that was meant to be read may have a wrong name. Excepted
  /// are hidden files and those that end in `~`, which editors create, and files that a setting names.
  private func noteIgnored() {
    // A file that couldn't be read may name them.
    guard !hasUnreadFiles else { return }
    let directory = rolesDirectory
    let ignored = otherNames.filter {
      !$0.hasPrefix(".") && !$0.hasSuffix("~") && !context.filesRead.contains("\(directory)/\($0)")
    }.sorted()
    guard !ignored.isEmpty else { return }
    let shown = ignored.prefix(8).map { "'\($0)'" }.joined(separator: ", ")
    let more = ignored.count > 8 ? " and \(ignored.count - 8) more" : ""
    findings.note(
      Place(file: directory),
      "\(shown)\(more) \(ignored.count == 1 ? "isn't" : "aren't") read: only names that end in .toml are",
      "rename those that should be read")
  }

  private func prove(rate sts: STSSettings, _ table: TableReader, servesHosts: Bool) {
    let proof = RateProof(
      rate: sts.requestsPerSecond, timings: context.timings, derivedCalls: context.derivedCallsPerSecond)
    if !proof.holds {
      findings.error(table.place(of: Schema.STS.requestsPerSecond), proof.problem, proof.remedy)
    }
    let fleet = FleetProof(hosts: sts.fleetSize, regions: max(1, sts.regions.count), calls: proof.calls)
    // Other hosts may have other roles.
    if servesHosts, sts.fleetSize > FleetProof.mostMachines {
      findings.warning(
        table.place(of: Schema.STS.fleetSize),
        "is \(sts.fleetSize), and this machine serves other hosts ([fleet]), which don't call STS",
        "write how many machines the tier has, and add the hosts with fallback = \"direct\" only if all of them may call STS at once"
      )
    } else if !fleet.holds {
      findings.warning(table.place(of: Schema.STS.fleetSize), fleet.problem, fleet.remedy)
    }
  }

  /// Reserves the paths that no output may overwrite: files that the daemon reads, and its own.
  private func claim(
    _ outputs: OutputReader, socket: SocketSettings?, credentials: CredentialsSettings?, sts: STSSettings?,
    sources: [SourceSettings]
  ) {
    outputs.claim(contentsOf: rolesDirectory, for: "in 'roles.d', whose files are read as settings")
    for file in files { outputs.claim(file, for: "a file of the settings") }
    for (file, place) in context.templates.named { outputs.claim(file, for: "read as \(place.key)") }
    for (file, place) in context.policies.named { outputs.claim(file, for: "read as \(place.key)") }
    let runtimeDirectory = context.unit?.view.runtimeDirectory ?? StandardPath.runtime
    var generations = [ReservedNames.generations(inRuntimeDirectory: runtimeDirectory)]
    if let socket {
      outputs.claim(socket.path, for: "the socket's")
      generations.append(ReservedNames.generations(besideSocket: socket.path))
    }
    if let credentials { outputs.claim(credentials.path, for: "the socket's for other units' credentials") }
    for file in generations {
      for file in [file, ReservedNames.draft(ofGenerations: file)] {
        outputs.claim(file, for: "where the daemon keeps generations")
      }
    }
    outputs.claim(
      sts?.caFile ?? STSSettings.systemsCAFile,
      for: sts?.caFile == nil ? "the system's file of certificates" : "read as sts.ca_file")
    if let passwordFile = sts?.proxy?.passwordFile {
      outputs.claim(passwordFile, for: "read as sts.proxy_password_file")
    }
    for source in sources {
      let paths: [String?] =
        switch source.kind {
        case .accessKey(.file(let path)): [path]
        case .accessKey(.credential(let name, let path)): [path, context.unit?.file(ofCredential: name)]
        case .role, .instanceRole: []
        case .identityToken(let token): [token.tokenFile]
        case .credentialsURI(let uri): uri.files
        case .upstream(let upstream): upstream.files
        case .kms(let kms): [kms.tokenFile]
        }
      for path in paths.compactMap(\.self) {
        outputs.claim(path, for: "read as \(source.kind.content) of source.\(source.name)")
      }
    }
  }
}
