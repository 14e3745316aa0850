import Core
import Diagnosis
import Glibc
import Settings

/// `rolekeeper source test FILE`: whether STS accepts an AccessKey, and for which roles, before it is put in place.
///
/// Who runs it reads FILE; STS is asked as the daemon's user.
enum SourceTest {
  static func run(_ file: String, config: String, roles: OnlineRun.Roles, isJSON: Bool) -> Int32 {
    guard
      let run = CheckRun(config: config, user: nil, prints: false, triesKeys: false, command: "source test \(file)")
    else { return ExitStatus.failed }
    guard let settings = run.loaded.settings else {
      for error in run.loaded.errors { Console.report("\(error)") }
      return ExitStatus.badSettings
    }
    do {
      let chosen = try roles.chosen(of: settings)
      let chains = RoleChains(of: chosen, in: settings)
      let tested = run.judge.asRoot { TestedKey(file) }
      try run.judge.giveRootUp()
      var report = FindingReport(isJSON ? .json : .text, write: Output.write)
      for finding in tested.findings { report.add(finding) }
      guard case .key = tested.key else {
        report.finish()
        return Check.isPrinted() ? ExitStatus.badSettings : ExitStatus.failed
      }
      if let asRoot = run.judge.rootFinding { report.add(asRoot) }
      var online = try OnlineCheck(settings, hostName: SystemHost().name)
      online.tryEndpoints(&report)
      Self.tryRoles(chains, roles, with: tested, &online, &report)
      for role in roles.ofOtherSources(in: settings) {
        online.skip([role], "source '\(role.source)' signs for it, and '--source' names another", &report)
      }
      let isOneTried =
        chains.sources.contains { chains.end(of: $0).accessKey != nil } || chains.roles.contains { $0.fallback != nil }
      if isOneTried, case .allGood = online.outcome, let step = installation(of: file, in: settings, roles, run) {
        report.say("to put it in place: \(step)")
      }
      report.finish()
      return Check.isPrinted() ? OnlineRun.status(online.outcome) : ExitStatus.failed
    } catch {
      Console.report("\(Console.program): \(error)")
      return ExitStatus.failed
    }
  }

  /// Those of all AccessKeys, as well as those that one signs for while their tier is away; then those that sessions of the former sign for.
  private static func tryRoles(
    _ chains: RoleChains, _ asked: OnlineRun.Roles, with tested: TestedKey, _ online: inout OnlineCheck,
    _ report: inout FindingReport
  ) {
    let direct = chains.sources.filter { $0.accessKey != nil }.flatMap { chains.roles(of: $0) }
    online.trySource(
      tested.subject, tested.key, roles: direct + chains.roles.compactMap(\.fallback), &report)
    for source in chains.sources where source.accessKey == nil {
      if source.upstream?.fallback != nil {
        report.add(
          Finding(
            .skipped, "source \(source.name)",
            "an AccessKey is for its fallback, which was tried; 'rolekeeper check --online' asks the tier, too"))
        continue
      }
      let end = chains.end(of: source)
      if let lender = source.role, end.accessKey != nil {
        online.trySource("source \(source.name)", .session(of: lender), roles: chains.roles(of: source), &report)
        continue
      }
      for role in chains.roles(of: source) {
        let why = "no AccessKey of yours signs for it, but source '\(end.name)' of type \(end.kind.type.rawValue)"
        if asked.names.contains(role.name.description) {
          online.skip([role], why, &report)
        } else {
          report.add(Finding(.skipped, "role \(role.name)", why))
        }
      }
    }
  }

  /// The command that puts the file where its source looks for it; nil where that isn't known, or it is there.
  private static func installation(
    of file: String, in settings: DaemonSettings, _ roles: OnlineRun.Roles, _ run: CheckRun
  ) -> String? {
    let sources = settings.sources.filter { $0.accessKey != nil && (roles.source == nil || $0.name == roles.source) }
    guard file != TestedKey.standardInput, sources.count == 1, let place = KeyPlace(of: sources[0], unit: run.unit),
      !place.isSame(as: file)
    else { return nil }
    return place.command(for: file, daemonsUser: run.judge.daemonsUser?.name)
  }
}
