import Glibc
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
    var template = Array("/tmp/rolekeeper-bus.XXXXXX".utf8CString)
    try #require(mkdtemp(&template) != nil)
    let directory = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    let path = "\(directory)/bus"
    let bus = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer {
      close(bus)
      unlink(path)
      rmdir(directory)
    }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let bound = withUnsafeBytes(of: &address) {
      bind(bus, $0.assumingMemoryBound(to: sockaddr.self).baseAddress, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
    try #require(bound == 0 && listen(bus, 8) == 0)
    setenv("DBUS_SYSTEM_BUS_ADDRESS", "unix:path=\(path)", 1)
    defer { unsetenv("DBUS_SYSTEM_BUS_ADDRESS") }
    let error = #expect(throws: LoopError.self) {
      _ = try UnitJob(of: "rolekeeper.service", timeout: .milliseconds(20))
    }
    #expect(error?.errno == ETIMEDOUT)
  }
}
