import Core
import Daemon
import Diagnosis
import Glibc
import Settings

/// `--check`: everything that is wrong with the settings, in one run and on stdout.
///
///     /etc/rolekeeper/rolekeeper.toml:14: roles.uploader.duration is 5min, allowed are 15min to 12h; write …
///     /etc/rolekeeper/rolekeeper.toml: 2 roles, 1 error: the daemon would not start with these settings
enum Check {
  /// With `online`, STS is then asked for a session of each of those roles; with `isJSON`, too, all findings are one line of JSON.
  static func run(config: String, user: String?, online: OnlineRun.Roles? = nil, isJSON: Bool = false) -> Int32 {
    if let online, isJSON { return printFindings(config: config, user: user, online) }
    guard let run = CheckRun(config: config, user: user, prints: true) else { return ExitStatus.failed }
    let loaded = run.loaded
    var report = CheckReport(isOnline: online != nil)
    for finding in loaded.diagnostics { report.add(finding) }
    for promise in loaded.settings.map(Finding.promises) ?? [] { print("\(promise.subject): \(promise.text)") }
    // Whether somebody else's service runs isn't ours to know.
    let path = run.unit != nil && run.judge.isDaemonsUser ? loaded.settings?.socket.path : nil
    print(
      "\(config): \(report.summary(loaded.settings, isStopped: path.map { !run.start.trials.isListenedOn($0) } ?? false))"
    )
    guard isPrinted() else { return ExitStatus.failed }
    guard report.errors == 0 else { return ExitStatus.badSettings }
    guard let online, let settings = loaded.settings else { return ExitStatus.done }
    var findings = FindingReport(.text, write: Output.write)
    let status = OnlineRun(run, settings).check(online, &findings)
    return isPrinted() ? status : ExitStatus.failed
  }

  private static func printFindings(config: String, user: String?, _ online: OnlineRun.Roles) -> Int32 {
    guard let run = CheckRun(config: config, user: user, prints: false) else { return ExitStatus.failed }
    var findings = FindingReport(.json, write: Output.write)
    for diagnostic in run.loaded.diagnostics { findings.add(Finding(diagnostic)) }
    guard let settings = run.loaded.settings else {
      findings.finish()
      return isPrinted() ? ExitStatus.badSettings : ExitStatus.failed
    }
    findings.add(.settings(config, settings))
    for promise in Finding.promises(of: settings) { findings.add(promise) }
    let status = OnlineRun(run, settings).check(online, &findings)
    return isPrinted() ? status : ExitStatus.failed
  }

  /// `--print-polkit`: the rule alone on stdout, and on stderr why there is none.
  static func printPolkit(config: String, user: String?) -> Int32 {
    guard let run = CheckRun(config: config, user: user, prints: false) else { return ExitStatus.failed }
    guard let settings = run.loaded.settings else {
      for error in run.loaded.errors { Console.report("\(error)") }
      return ExitStatus.badSettings
    }
    guard let rule = PolkitRule(settings, user: run.judge.daemonsUser?.name ?? "rolekeeper") else {
      Console.report(
        "\(config): no role has refresh_units, so the daemon needs no polkit rule; delete \(StandardPath.polkitRule) if it is there"
      )
      return ExitStatus.done
    }
    print(rule, terminator: "")
    return isPrinted() ? ExitStatus.done : ExitStatus.failed
  }

  /// `--print-policy`: each policy as one line on stdout, and on stderr before it what it is.
  static func printPolicies(config: String, user: String?) -> Int32 {
    guard let run = CheckRun(config: config, user: user, prints: false) else { return ExitStatus.failed }
    guard let settings = run.loaded.settings else {
      for error in run.loaded.errors { Console.report("\(error)") }
      return ExitStatus.badSettings
    }
    let policies = LeastPolicies(settings)
    if let remark = policies.remark { Console.report("\(config): \(remark)") }
    for document in policies.documents {
      Console.report(document.heading)
      print(document.text)
      // Each behind its heading, where both go to the same terminal.
      guard isPrinted() else { return ExitStatus.failed }
    }
    return ExitStatus.done
  }

  /// `--policy-test`: the decision on stdout, and on stderr why there is none.
  static func testPolicy(config: String, user: String?, words: [String]) -> Int32 {
    guard let question = PolicyQuestion(words) else {
      Console.report(
        "\(Console.program): '--policy-test' needs ROLE ACTION RESOURCE, and takes conditions as KEY=VALUE")
      return ExitStatus.wrongUsage
    }
    guard let run = CheckRun(config: config, user: user, prints: false) else { return ExitStatus.failed }
    let (status, lines) = PolicyTest(config: config, loaded: run.loaded, question: question).run()
    for line in lines { print(VisibleText.escaped(line)) }
    return isPrinted() ? status : ExitStatus.failed
  }

  /// A report that nobody can read is no check.
  static func isPrinted() -> Bool {
    guard fflush(nil) == 0 else {
      Console.report("\(Console.program): cannot write to stdout: \(String(cString: strerror(errno)))")
      return false
    }
    return true
  }
}

/// The settings as they are for the daemon's user.
struct CheckRun {
  /// nil when they are those of another settings file, or there is none.
  let unit: InstalledUnit?
  let judge: Judge
  let start: StartCheck
  let loaded: LoadedSettings

  /// nil when nothing could be judged, which was reported; `prints` is whether stdout gets to know as whom. Without `triesKeys`,
  /// AccessKeys may be missing. `command` is what `sudo rolekeeper` does better.
  init?(config: String, user: String?, prints: Bool, triesKeys: Bool = true, command: String = "check") {
    let host = SystemHost()
    let installed = InstalledUnit(on: host)
    unit = installed.flatMap { $0.starts(with: config, on: host) ? $0 : nil }
    let judge: Judge
    do { judge = try Judge(user: user, unit: unit, command: command) } catch {
      Console.report("\(Console.program): \(error)")
      return nil
    }
    self.judge = judge
    if !judge.isDaemonsUser, access(config, R_OK) != 0, errno == EACCES {
      Console.report("\(Console.program): \(config): you may not read these settings; run: sudo rolekeeper \(command)")
      return nil
    }
    if prints { print(judge.introduction) }
    start = StartCheck(
      daemonsUID: judge.daemonsUser?.uid,
      asRoot: judge.isRoot ? { body in judge.asRoot(body) } : nil)
    let scope = CheckScope(
      unit: unit, socketUnit: unit.flatMap { _ in SocketUnit(enabledOn: host) },
      credentialsUnit: unit.flatMap { _ in SocketUnit(enabledOn: host, named: RolekeeperUnit.credentialsSocket) },
      otherConfigPath: unit == nil ? installed?.configPath : nil, isDaemonsUser: judge.isDaemonsUser,
      trials: triesKeys ? start.trials : StartTrials())
    loaded = SettingsLoader(
      host: SystemHost(daemonsUser: judge.isDaemonsUser ? nil : judge.daemonsUser), check: scope
    ).load(config)
  }
}

/// Counts the findings and prints them.
struct CheckReport {
  /// Whether STS is asked afterwards.
  let isOnline: Bool
  private(set) var errors = 0
  private var warnings = 0
  private var notes = 0

  init(isOnline: Bool = false) { self.isOnline = isOnline }

  mutating func add(_ finding: Diagnostic) {
    switch finding.severity {
    case .error: errors += 1
    case .warning: warnings += 1
    case .note: notes += 1
    }
    print(finding)
  }

  /// `settings` is nil if they couldn't be read to the end; `isStopped` is whether nobody listens on the socket.
  func summary(_ settings: DaemonSettings?, isStopped: Bool) -> String {
    let found = [(errors, "error"), (warnings, "warning"), (notes, "note")].filter { $0.0 > 0 }.map(Self.count)
    let all = found.isEmpty ? "nothing wrong with the settings" : found.joined(separator: ", ")
    let whole = (settings.map { [Self.count(($0.roles.count, "role"))] } ?? []) + [all]
    if isOnline, errors == 0 { return whole.joined(separator: ", ") }
    return whole.joined(separator: ", ")
      + (errors > 0
        ? ": fix the errors before the daemon is started or reloaded"
        : "; \(settings?.needsTiersAlone == true ? "the tier" : "STS") was not asked: once the daemon runs, 'rolekeeper status' shows its answers; "
          + (isStopped
            ? "nothing listens on its socket: if the service isn't running, start it: sudo systemctl start rolekeeper"
            : "the settings in force were not compared: a reload also refuses settings that look cut off"))
  }

  private static func count(_ item: (count: Int, noun: String)) -> String {
    "\(item.count) \(item.noun)\(item.count == 1 ? "" : "s")"
  }
}
