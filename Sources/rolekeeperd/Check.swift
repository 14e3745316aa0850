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
      if case .credential(let name, nil) = source.accessKey {
        Console.complain("source '\(source.name)': systemd credential '\(name)' not checked, since this isn't the unit")
        continue
      }
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
