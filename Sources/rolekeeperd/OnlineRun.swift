import Core
import Diagnosis
import Glibc
import Settings

/// `--check --online`: has STS issue a session to each role, as the daemon's user and with the AccessKeys that the daemon
/// would get.
struct OnlineRun {
  /// What is tried.
  struct Roles {
    /// Empty for all.
    var names: [String] = []
    /// Nil for the roles of every source.
    var source: String?

    /// Those of `settings`, in their order; throws a sentence if there is none of a name.
    func chosen(of settings: DaemonSettings) throws -> [RoleSettings] {
      for name in names where !settings.roles.contains(where: { $0.name.description == name }) {
        throw UnknownName("'--role \(name)': there is no such role in the settings")
      }
      if let source, !settings.sources.contains(where: { $0.name == source }) {
        throw UnknownName("'--source \(source)': there is no such source in the settings")
      }
      return settings.roles.filter { role in
        (names.isEmpty || names.contains(role.name.description)) && (source == nil || Self.isSigner(source, of: role))
      }
    }

    /// Those that are named, but that another source signs for than the one that is.
    func ofOtherSources(in settings: DaemonSettings) -> [RoleSettings] {
      guard let source else { return [] }
      return settings.roles.filter { names.contains($0.name.description) && !Self.isSigner(source, of: $0) }
    }

    /// Whether the role is of that source, or falls back to it while its tier is away.
    private static func isSigner(_ source: String?, of role: RoleSettings) -> Bool {
      role.source == source || role.fallback?.source == source
    }
  }

  private let run: CheckRun
  private let settings: DaemonSettings

  init(_ run: CheckRun, _ settings: DaemonSettings) {
    self.run = run
    self.settings = settings
  }

  /// Adds what it finds to `report`, and prints the end of that.
  func check(_ roles: Roles, _ report: inout FindingReport) -> Int32 {
    do {
      let chosen = try roles.chosen(of: settings)
      let asRoot: ((() -> SourceKey) -> SourceKey)? = run.judge.isRoot ? { run.judge.asRoot($0) } : nil
      // A role is tried through its chain.
      let chains = RoleChains(of: chosen, in: settings)
      let keys = chains.sources.map {
        SourceKey(
          of: $0, among: settings.sources, unit: run.unit, isDaemonsUser: run.judge.isDaemonsUser, asRoot: asRoot)
      }
      // The network is none of root's business.
      try run.judge.giveRootUp()
      if let asRoot = run.judge.rootFinding { report.add(asRoot) }
      report.say(introduction)
      var online = try OnlineCheck(settings, hostName: SystemHost().name)
      if !settings.needsTiersAlone { online.tryEndpoints(&report) }
      for (source, key) in zip(chains.sources, keys) {
        online.trySource("source \(source.name)", key, roles: chains.roles(of: source), &report)
      }
      report.finish()
      return Self.status(online.outcome)
    } catch {
      Console.report("\(Console.program): \(error)")
      return ExitStatus.failed
    }
  }

  private var introduction: String {
    if settings.needsTiersAlone { return "asking each machine of the tier for this host's roles; they are thrown away" }
    let rate = settings.sts.requestsPerSecond
    let limit = rate == rate.rounded() ? "\(Int(rate))" : "\(rate)"
    return "asking STS for a session of each role, at most \(limit) per second; they are thrown away"
  }

  static func status(_ outcome: OnlineCheck.Outcome) -> Int32 {
    switch outcome {
    case .allGood: ExitStatus.done
    case .refused: ExitStatus.refused
    case .incomplete: ExitStatus.incomplete
    }
  }
}

/// A name on the command line that the settings don't have.
struct UnknownName: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Findings on stdout, each when it is there.
enum Output {
  static func write(_ text: String) {
    print(text, terminator: "")
    fflush(nil)
  }
}
