import Glibc
import TestSupport
import Testing

@testable import Systemd

/// The connection to the service manager where the bus doesn't do its part; the rest is shown under a real one (SystemTests).
@Suite struct ManagerConnectionTests {
  private let directory: TemporaryDirectory
  private let loop: EventLoop

  init() throws {
    directory = try TemporaryDirectory()
    loop = try EventLoop()
  }

  private var path: String { directory.path("bus") }

  private final class Reports {
    var lost = 0
    var failures: [String] = []
  }

  private func connect(_ reports: Reports) throws -> ManagerConnection {
    try ManagerConnection(
      loop, address: "unix:path=\(path)", jobRemoved: { _, _ in }, lost: { reports.lost += 1 })
  }

  @Test func `without a bus it says so at once`() {
    let error = #expect(throws: LoopError.self) { _ = try connect(Reports()) }
    #expect(error?.errno == ENOENT && error?.attempt == "connect to the system bus")
    #expect(error?.cause == "cannot connect to the system bus: No such file or directory")
  }

  @Test func `a silent bus is waited for by the loop alone`() throws {
    let bus = try ListeningSocket(path)
    defer { withExtendedLifetime(bus) {} }
    let reports = Reports()
    do {
      let connection = try connect(reports)
      try connection.units(matching: ["a*.service"]) { _ in reports.failures.append("matching") }
      try connection.units(named: ["a.service"]) { _ in reports.failures.append("named") }
      try connection.reloadOrTryRestart("a.service") { _ in reports.failures.append("job") }
      // The first steps of the greeting, and then nothing is due.
      while try loop.runOnce() {}
      withExtendedLifetime(connection) {}
    }
    // It is gone with its calls, and whoever made them hears nothing.
    while try loop.runOnce() {}
    #expect(reports.lost == 0 && reports.failures.isEmpty)
  }

  @Test func `a bus that breaks the connection off fails every call, and then reports it once`() throws {
    let bus = try ListeningSocket(path)
    defer { withExtendedLifetime(bus) {} }
    let reports = Reports()
    let connection = try connect(reports)
    func note<Value>(_ result: Result<Value, ManagerConnection.CallError>) {
      #expect(reports.lost == 0)
      if case .failure(let error) = result { reports.failures.append(error.name) }
    }
    try connection.units(matching: ["a*.service"]) { note($0) }
    try connection.reloadOrTryRestart("a.service") { note($0) }
    close(try bus.takeConnection())
    while reports.lost == 0 { try #require(try loop.runOnce(timeout: .seconds(20))) }
    #expect(reports.failures == ["org.freedesktop.DBus.Error.NoReply", "org.freedesktop.DBus.Error.NoReply"])
    #expect(throws: LoopError.self) { try connection.reloadOrTryRestart("a.service") { note($0) } }
  }

  @Test func `it may be released by its own reports`() throws {
    let bus = try ListeningSocket(path)
    defer { withExtendedLifetime(bus) {} }
    final class Owner { var connection: ManagerConnection? }
    let owner = Owner()
    var ends = 0
    owner.connection = try ManagerConnection(
      loop, address: "unix:path=\(path)", jobRemoved: { _, _ in }, lost: { [unowned owner] in owner.connection = nil })
    try owner.connection?.units(named: ["a.service"]) { [unowned owner] _ in
      ends += 1
      owner.connection = nil
    }
    close(try bus.takeConnection())
    while owner.connection != nil { try #require(try loop.runOnce(timeout: .seconds(20))) }
    while try loop.runOnce() {}
    #expect(ends == 1)
  }
}
