import Core
import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

/// Whoever reads the log may stop doing so; nobody else is to notice.
@Suite(.serialized) struct LogTests {
  @Test func `a log that nobody reads delays nobody for two lifetimes, and what was lost is reported`() throws {
    let lab = try Lab(RealmDraft(lifetime: "4s")) { $0.level = "debug" }
    let pipe = lab.directory.path("pipe")
    mkfifo(pipe, 0o600)
    // Opened for both, so that it is there for the daemon at once.
    let reading = open(pipe, O_RDWR | O_NONBLOCK | O_CLOEXEC)
    defer { close(reading) }
    // Full to the last byte before anything is logged.
    let page = [UInt8](repeating: UInt8(ascii: "-"), count: 4096)
    while write(reading, page, page.count) > 0 {}
    let daemon = try lab.start(wrapper: ["/bin/sh", "-c", "exec \"$@\" 2>\(pipe)", "sh"])
    let reader = try Reader(of: ["uploader", "reports"], at: lab)
    let events = try daemon.events()
    let start = ContinuousClock.now
    while ContinuousClock.now - start < .seconds(9) {
      #expect(try lab.await(events) { $0.kind == .rotated }.state == .valid)
    }
    let (status, summary) = reader.stop()
    #expect(status == 0, "\(summary)")
    #expect(summary.contains("\"faults\": 0"), "\(summary)")
    #expect(try !daemon.get("/metrics").body.contains("rolekeeper_log_lines_lost_total 0\n"))

    var room = [UInt8](repeating: 0, count: 65536)
    var text = ""
    try eventually("what was lost is reported") {
      let count = read(reading, &room, room.count)
      if count > 0 { text += String(decoding: room[..<count], as: UTF8.self) }
      return text.contains(/warning: log lines lost: neither the journal nor stderr accepted them count=[1-9]/)
    }
    let ours = text.drop { $0 == "-" }
    #expect(ours.hasPrefix("warning: log lines lost"), "no line is torn: \(ours)")
  }
}
