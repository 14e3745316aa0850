import Daemon
import Glibc
import Settings

/// `--check`: everything that is wrong with the settings, in one run and on stdout.
///
///     /etc/rolekeeper/rolekeeper.toml:14: roles.uploader.duration is 5min, allowed are 15min to 12h; write …
///     /etc/rolekeeper/rolekeeper.toml: 2 roles, 1 error: the daemon would not start with these settings
enum Check {
  static func run(config: String, user: String?) -> Int32 {
    let host = SystemHost()
    let unit = InstalledUnit(on: host).flatMap { isSame($0.configPath, config, host) ? $0 : nil }
    let judge: Judge
    do { judge = try Judge(user: user, unit: unit) } catch {
      Console.report("rolekeeperd: \(error)")
      return ExitStatus.failed
    }
    print(judge.introduction)
    var report = CheckReport()
    let scope = CheckScope(
      unit: unit, accessKeyProblem: judge.isRoot ? { path in judge.asRoot { problem(path) } } : nil)
    let loaded = SettingsLoader(host: host, check: scope).load(config)
    for finding in loaded.diagnostics { report.add(finding) }
    if let settings = loaded.settings { readSecrets(settings, &report) }
    print("\(config): \(report.summary(roles: loaded.settings?.roles.count))")
    // A report that nobody can read is no check.
    guard fflush(nil) == 0 else {
      Console.report("rolekeeperd: cannot write to stdout: \(String(cString: strerror(errno)))")
      return ExitStatus.failed
    }
    return report.errors == 0 ? ExitStatus.done : ExitStatus.badSettings
  }

  /// What the daemon itself will read as it starts.
  private static func readSecrets(_ settings: DaemonSettings, _ report: inout CheckReport) {
    for source in settings.sources {
      // The loader has looked at what only systemd can pass.
      if case .credential(_, nil) = source.accessKey { continue }
      do {
        _ = try AccessKeySource.read(AccessKeySource.Location(source))
      } catch let error as AccessKeyUnusable where error.isPlainToSee {
        // Of a file the loader has said so, as a warning where the key may come later; of a credential systemd's own doing is at fault.
        if case .credential = source.accessKey { report.addError("source '\(source.name)': \(error)") }
      } catch {
        report.addError("source '\(source.name)': \(error)")
      }
    }
    for problem in StartCheck.problems(settings) { report.addError(problem) }
  }

  private static func problem(_ path: String) -> String? {
    do {
      _ = try AccessKeySource.read(.file(path))
      return nil
    } catch {
      return "\(error)"
    }
  }

  /// Whether two paths lead to the same file; one that isn't there is the same by its text alone.
  private static func isSame(_ one: String, _ other: String, _ host: SystemHost) -> Bool {
    one == other || (try? host.realPath(of: one) == host.realPath(of: other)) ?? false
  }
}

/// Counts what is found and prints it.
struct CheckReport {
  private(set) var errors = 0
  private var warnings = 0
  private var notes = 0

  mutating func add(_ finding: Diagnostic) {
    switch finding.severity {
    case .error: errors += 1
    case .warning: warnings += 1
    case .note: notes += 1
    }
    print(finding)
  }

  mutating func addError(_ sentence: String) {
    errors += 1
    print(sentence)
  }

  /// `roles` is nil when the settings could not be read to their end.
  func summary(roles: Int?) -> String {
    let found = [(errors, "error"), (warnings, "warning"), (notes, "note")].filter { $0.0 > 0 }.map(Self.count)
    let all = found.isEmpty ? "nothing wrong with the settings" : found.joined(separator: ", ")
    let whole = (roles.map { [Self.count(($0, "role"))] } ?? []) + [all]
    return whole.joined(separator: ", ")
      + (errors > 0
        ? ": fix the errors before the daemon is started or reloaded"
        : "; STS was not asked: once the daemon runs, 'rolekeeper status' shows its answers")
  }

  private static func count(_ item: (count: Int, noun: String)) -> String {
    "\(item.count) \(item.noun)\(item.count == 1 ? "" : "s")"
  }
}
