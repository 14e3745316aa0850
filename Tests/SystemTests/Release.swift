import Glibc
import SystemBox
import TestNeeds
import Testing

/// Which systemd a test runs under.
enum Release: CaseIterable {
  /// The machine's own: 252, where that is Debian 12.
  case machine
  /// Debian 13's.
  case systemd257

  /// Those that are there, for the arguments of tests: a case that is skipped would be printed as passed.
  static let all = Requirement.systemd257.isMet ? allCases : [.machine]

  /// For the tool that boots it.
  var options: [String] {
    switch self {
    case .machine: []
    case .systemd257: ["--root", getenv("SYSTEMD_257_ROOT").map { String(cString: $0) } ?? ""]
    }
  }
}

extension InstalledHost {
  /// One of each release for all tests, which take turns.
  private static let ofMachine = Result { try InstalledHost("\(Release.machine)", options: Release.machine.options) }
  private static let of257 = Result { try InstalledHost("\(Release.systemd257)", options: Release.systemd257.options) }

  static func get(_ release: Release = .machine) throws -> InstalledHost {
    switch release {
    case .machine: try ofMachine.get()
    case .systemd257: try of257.get()
    }
  }
}

extension Box {
  /// The type that `rolekeeper.service` has under the box's systemd: Type=notify-reload came with 253 (systemd.service(5)).
  func typeOfService() throws -> String {
    let version = try ask("systemctl --version | sed -n '1s/^systemd \\([0-9]*\\).*/\\1/p'")
    guard let number = Int(version) else { throw BoxError(attempt: "read systemd's version", said: version) }
    return number >= 253 ? "notify-reload" : "notify"
  }
}

extension UnderSystemd {
  @Suite struct ReleaseTests {
    /// The one that is skipped, or fails, where the others can't.
    @Test(.needs(.systemd257)) func `tests of all releases run under systemd 257, too`() throws {
      #expect(Release.all == [.machine, .systemd257])
      let version = try InstalledHost.get(.systemd257).box.ask("systemctl --version | head --lines=1")
      #expect(version.hasPrefix("systemd 257 "))
    }
  }
}
