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

  /// What gives a program a wall clock or a disk of its own: built beside the tests, which find it beside themselves.
  package static var faultShim: String {
    var own = [CChar](repeating: 0, count: Int(PATH_MAX))
    let count = readlink("/proc/self/exe", &own, own.count - 1)
    let path = String(decoding: own.prefix(max(0, count)).map(UInt8.init(bitPattern:)), as: UTF8.self)
    return "/" + (path.split(separator: "/").dropLast() + ["libFaultShim.so"]).joined(separator: "/")
  }
}
