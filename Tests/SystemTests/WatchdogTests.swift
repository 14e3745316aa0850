import SystemBox
import Testing
import TestSupport

extension UnderSystemd {
  @Suite struct WatchdogTests {
    @Test(arguments: Release.all)
    func `a hung loop is ended by the watchdog, and a new process serves the same with STS down, and makes no call`(
      _ release: Release
    ) throws {
      let service = try Service(under: release)
      try service.override("WatchdogSec=1s")
      try service.start()
      #expect(
        try eventually {
          try service.box.ask("rolekeeper refresh uploader")
          return try service.generation(of: "uploader") != "1"
        }, "a number that isn't that of every start")
      let pid = try service.mainPID()
      let (credential, generation) = try (service.credential("uploader"), service.generation(of: "uploader"))
      #expect(try Self.calls(of: service) > 0)
      try service.fault("kind=unreachable")
      try service.box.ask("kill -STOP \(pid)")
      try service.journal.wait(for: "Watchdog timeout")
      #expect(try eventually { try service.mainPID() != pid && service.property("ActiveState") == "active" })
      #expect(try service.credential("uploader", as: "reader") == credential)
      #expect(try service.generation(of: "uploader") == generation)
      #expect(try Self.calls(of: service) == 0)
      #expect(try service.property("NRestarts") == "1")
    }

    /// How many requests to STS the process has made, answered or not.
    private static func calls(of service: Service) throws -> Double {
      let names = ["rolekeeper_attempts_total{", "rolekeeper_sts_answers_total{", "rolekeeper_sts_unanswered_total{"]
      return try service.request("/metrics").output.split(separator: "\n")
        .filter { line in names.contains { line.hasPrefix($0) } }
        .reduce(0) { $0 + (Double($1.split(separator: " ").last ?? "") ?? 0) }
    }

    struct Trouble: Sendable, CustomTestStringConvertible {
      let name: String
      let fault: String
      let code: String

      var testDescription: String { name }
    }

    @Test(arguments: [
      Trouble(name: "errors", fault: "kind=error&status=500", code: "InternalError"),
      Trouble(name: "throttling", fault: "kind=throttle&retry_after_ms=300", code: "Throttling.User"),
      Trouble(name: "answers that never come", fault: "kind=delay&milliseconds=60000", code: "Timeout"),
    ])
    func `trouble at STS never starves the watchdog`(_ trouble: Trouble) throws {
      let service = try Service()
      try service.override("WatchdogSec=500ms")
      try service.write(SettingsText.usual.replacing("[sts]", with: "[sts]\ntimeout = \"1s\""))
      try service.start()
      let pid = try service.mainPID()
      try service.fault(trouble.fault)
      let began = try Self.lastBeat(of: service)
      // Several failures of either role, and several times the watchdog's timeout.
      for role in ["uploader", "backup"] {
        // One that fails ends with 4.
        try service.box.ask("rolekeeper refresh \(role) || true")
        let wanted = "rolekeeper_attempts_total{role=\"\(role)\",code=\"\(trouble.code)\"} "
        #expect(
          try eventually {
            let count = try service.request("/metrics").output.split(separator: "\n").first { $0.hasPrefix(wanted) }
            return (count.flatMap { Int($0.dropFirst(wanted.count)) } ?? 0) >= 2
          }, "\(role)")
      }
      #expect(try eventually { try Self.lastBeat(of: service) - began > 2_000_000 })
      #expect(try service.mainPID() == pid)
      #expect(try service.property("NRestarts") == "0")
    }

    /// When systemd last heard from the daemon, in µs of CLOCK_MONOTONIC.
    private static func lastBeat(of service: Service) throws -> Int {
      try Int(service.property("WatchdogTimestampMonotonic")) ?? 0
    }
  }
}
