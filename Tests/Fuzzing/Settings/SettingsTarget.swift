import Core
import FuzzSupport

@testable import Settings

/// The text of the settings, and of a file in roles.d.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ data: UnsafePointer<UInt8>?, _ size: Int) -> CInt {
  let text = Array(UnsafeBufferPointer(start: data, count: size))
  check(FuzzHost(main: text), text)
  check(FuzzHost(main: Array(FuzzHost.soundSettings.utf8), rolesFile: text), text)
  return 0
}

private func check(_ host: FuzzHost, _ text: [UInt8]) {
  let loaded = SettingsLoader(host: host).load(FuzzHost.mainPath)
  require(
    (loaded.settings == nil) == loaded.diagnostics.contains { $0.severity == .error },
    "settings with an error, or none without: \(loaded.diagnostics)")
  for finding in loaded.diagnostics { check(finding, host) }
  guard let settings = loaded.settings else { return }
  SettingsCheck(host: host, settings: settings).check()
  // The text is whole, so what follows on a new line is a comment.
  let commented = SettingsLoader(host: host.appending("\n# a comment\n")).load(FuzzHost.mainPath)
  var said = commented.settings
  // Not what the settings say: which file held it, and whether that ended in a whole line.
  said?.inventory = settings.inventory
  require(said == settings, "a comment at the end changes the settings")
}

private func check(_ finding: Diagnostic, _ host: FuzzHost) {
  require(!finding.problem.isEmpty && !finding.remedy.isEmpty, "a finding without a problem or a remedy: \(finding)")
  guard let line = finding.place.line else { return }
  let lines = host.files[finding.place.file, default: []].count { $0 == UInt8(ascii: "\n") } + 1
  require((1...lines).contains(line), "a finding in line \(line) of \(lines): \(finding)")
}
