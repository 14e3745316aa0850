import Glibc
package import Testing

/// What a test needs of the machine beyond a compiler. A test whose need isn't met is skipped with the reason printed, or,
/// where REQUIRE_ALL=1 is set, fails with it.
package enum Requirement: String, Sendable {
  /// Other users' uids, ownership, mounts.
  case root
  /// A throwaway systemd of the machine's (Tests/Tools/box).
  case systemd
  /// Mounts of programs (FUSE).
  case fuse
  /// One of Debian 13: the tree named by SYSTEMD_257_ROOT.
  case systemd257
  /// polkit, which decides in that system what the daemon may do with other units.
  case polkit
  /// The vendor's Python packages: the virtual environment named by WITNESS_PYTHON.
  case witnesses
  /// Programs that use credentials: the directory named by CONSUMERS_ROOT (.ci/consumers).
  case consumers
  /// zsh and fish, whose completions are made, too.
  case shells
  /// bwrap, which makes containers for users without rights.
  case bubblewrap
  /// nginx, in front of a daemon that serves other hosts.
  case nginx
  /// Prometheus' own checker of rules and metrics: the program named by PROMTOOL.
  case promtool

  package var isMet: Bool {
    switch self {
    case .root: geteuid() == 0
    case .systemd: Self.mayMount && access("/lib/systemd/systemd", X_OK) == 0
    case .fuse: Self.mayMount && access("/dev/fuse", R_OK | W_OK) == 0
    case .systemd257: Self.mayMount && Self.isSet("SYSTEMD_257_ROOT")
    case .polkit: access("/usr/lib/polkit-1/polkitd", X_OK) == 0
    case .witnesses: Self.isSet("WITNESS_PYTHON")
    case .consumers: Self.isSet("CONSUMERS_ROOT")
    case .bubblewrap: access("/usr/bin/bwrap", X_OK) == 0
    case .nginx: access("/usr/sbin/nginx", X_OK) == 0
    case .promtool: Self.isSet("PROMTOOL")
    case .shells: access("/usr/bin/zsh", X_OK) == 0 && access("/usr/bin/fish", X_OK) == 0
    }
  }

  package var reason: Comment {
    switch self {
    case .root: "needs root"
    case .systemd: "needs root that may mount, and systemd"
    case .fuse: "needs root that may mount, and /dev/fuse"
    case .systemd257: "needs root that may mount, and SYSTEMD_257_ROOT, a tree of Debian 13"
    case .polkit: "needs polkitd, which Debian's package of that name has"
    case .witnesses: "needs WITNESS_PYTHON, a Python with the vendor's packages"
    case .consumers: "needs CONSUMERS_ROOT, a directory with the programs that .ci/consumers gets"
    case .shells: "needs zsh and fish, which Debian has"
    case .bubblewrap: "needs bwrap, which Debian's package bubblewrap has"
    case .nginx: "needs nginx, which Debian's package nginx-light has"
    case .promtool: "needs PROMTOOL, the path of promtool, which Debian's package prometheus has"
    }
  }

  /// Whether UNAVAILABLE, a list with blanks in between, says that this can't be had here.
  var isExcused: Bool {
    getenv("UNAVAILABLE").map { String(cString: $0).split(separator: " ").contains { $0 == rawValue } } ?? false
  }

  /// Where the program of `promtool` is.
  package static var promtoolPath: String { getenv("PROMTOOL").map { String(cString: $0) } ?? "promtool" }

  /// Whether this is root with CAP_SYS_ADMIN, which root of a container often lacks.
  private static var mayMount: Bool {
    guard geteuid() == 0, let status = fopen("/proc/self/status", "re") else { return false }
    defer { fclose(status) }
    var line = [CChar](repeating: 0, count: 256)
    var effective: UInt64 = 0
    while fgets(&line, CInt(line.count), status) != nil {
      let text = String(decoding: line.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
      if text.hasPrefix("CapEff:\t") { effective = UInt64(text.dropFirst(8).dropLast(), radix: 16) ?? 0 }
    }
    return effective >> 21 & 1 == 1
  }

  private static func isSet(_ name: String) -> Bool { getenv(name).map { $0.pointee != 0 } ?? false }
}

/// Skips what needs more than the machine has, or fails it under REQUIRE_ALL=1.
package struct RequirementTrait: TestTrait, SuiteTrait {
  let requirements: [Requirement]

  package var isRecursive: Bool { true }

  package func prepare(for test: Test) async throws {
    guard let missing = requirements.first(where: { !$0.isMet }) else { return }
    guard getenv("REQUIRE_ALL").map({ $0.pointee == UInt8(ascii: "1") }) == true, !missing.isExcused else {
      try Test.cancel(missing.reason)
    }
    throw RequirementMissing(reason: missing.reason)
  }
}

extension Trait where Self == RequirementTrait {
  package static func needs(_ requirements: Requirement...) -> Self { RequirementTrait(requirements: requirements) }
}

private struct RequirementMissing: Error, CustomStringConvertible {
  let reason: Comment

  var description: String { "\(reason.rawValue), and REQUIRE_ALL=1 lets nothing be skipped" }
}
