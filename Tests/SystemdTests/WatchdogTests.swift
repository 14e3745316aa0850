import Systemd
import Testing

@Suite struct WatchdogTests {
  final class Log {
    var beats = 0
    var order: [String] = []
    var isProgressing = true
  }

  @Test func `the watchdog beats at once and as long as there is progress`() throws {
    let loop = try EventLoop()
    let log = Log()
    let watchdog = try Watchdog(loop, interval: 300, beat: { log.beats += 1 }, isProgressing: { log.isProgressing })
    #expect(log.beats == 1)
    while log.beats < 4 { try loop.runOnce(timeout: .seconds(5)) }
    log.isProgressing = false
    let beats = log.beats
    for _ in 0..<9 { try loop.runOnce(timeout: .seconds(5)) }
    #expect(log.beats == beats)
    log.isProgressing = true
    while log.beats == beats { try loop.runOnce(timeout: .seconds(5)) }
    withExtendedLifetime(watchdog) {}
  }

  @Test func `progress is judged only after everything else that was overdue has had its turn`() throws {
    let loop = try EventLoop()
    let log = Log()
    let watchdog = try Watchdog(
      loop, interval: 3, beat: {},
      isProgressing: {
        log.order.append("asked")
        return true
      })
    let timers = try (0..<8).map { number in
      try TimerSource(loop, accuracy: 1) { log.order.append("timer \(number)") }
    }
    for timer in timers { timer.arm(at: EventLoop.bootTime()) }
    // All nine are overdue when the first turn wakes up.
    let start = EventLoop.bootTime()
    while EventLoop.bootTime() < start + 1000 {}
    while !log.order.contains("asked") { try loop.runOnce(timeout: .seconds(5)) }
    #expect(log.order.count == 9)
    #expect(log.order.last == "asked")
    withExtendedLifetime(watchdog) {}
  }
}
