import Daemon
import Settings

/// `--check`: everything that is wrong with the settings, in one run.
enum Check {
  static func run(config: String) -> Int32 {
    let loaded = SettingsLoader().load(config)
    for finding in loaded.diagnostics { Console.complain(finding.description) }
    guard let settings = loaded.settings else { return ExitStatus.badSettings }
    var isUsable = true
    for source in settings.sources {
      // The loader has said that it can't be checked outside of the unit.
      if case .credential(_, nil) = source.accessKey { continue }
      do {
        _ = try AccessKeySource.read(AccessKeySource.Location(source))
      } catch {
        Console.complain("source '\(source.name)': \(error)")
        isUsable = false
      }
    }
    guard isUsable else { return ExitStatus.badSettings }
    print("\(config): \(settings.roles.count) roles, nothing wrong")
    return ExitStatus.done
  }
}
