import Glibc

/// Where the programs under test are: the directory named by ROLEKEEPER_PROGRAMS, else that of the release build.
package enum Programs {
  package static var directory: String {
    if let named = getenv("ROLEKEEPER_PROGRAMS") { return String(cString: named) }
    let sources = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    return "/\(sources)/.build/release"
  }

  package static var daemon: String { "\(directory)/rolekeeperd" }
  package static var commandLine: String { "\(directory)/rolekeeper" }
  package static var emulator: String { "\(directory)/sts-emulator" }
}
