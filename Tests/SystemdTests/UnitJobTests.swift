import Glibc
import TestSupport
import Testing

@testable import Systemd

@Suite struct UnitJobTests {
  @Test func `only a stop job counts as a stop`() {
    #expect(UnitJob(type: "stop") == .stop)
    #expect(UnitJob(type: "") == .none)
    for type in ["restart", "start", "try-restart", "nop"] { #expect(UnitJob(type: type) == .other(type)) }
  }

  /// libsystemd would wait 90 s for it.
  @Test func `a silent bus is given up in time`() throws {
    let directory = try TemporaryDirectory()
    let bus = try ListeningSocket(directory.path("bus"))
    setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=\(bus.path)", 1)
    defer { unsetenv("DBUS_SYSTEM_BUS_ADDRESS") }
    let error = #expect(throws: LoopError.self) {
      _ = try UnitJob(of: "rolekeeper.service", timeout: .milliseconds(20))
    }
    #expect(error?.errno == ETIMEDOUT)
    withExtendedLifetime(bus) {}
  }
}
