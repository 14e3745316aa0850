import Core
import Testing

@testable import Logs

/// The content of the log, and the handling of lines that aren't accepted.
@Suite struct LogTests {
  private final class Reader: LogOutput {
    var lines: [String] = []
    var isBehind = false
    var isLast = false

    func write(_ line: LogLine) -> Bool {
      if !isBehind { lines.append("\(line.level): \(line.text)") }
      return !isBehind
    }

    func processEnds() { isLast = true }
  }

  private let reader = Reader()
  private let log: Log

  init() { log = Log(to: reader) }

  @Test func `fields follow the phrase in the order of their names, with their units`() {
    log.write(.refused, [.uid(7), .path("/v1/roles"), .pid(12)])
    log.write(.grantedLess, [.seconds(.seconds(900)), .role("a")])
    #expect(
      reader.lines == [
        "warning: request refused path=/v1/roles pid=12 uid=7",
        "warning: STS granted a shorter session than requested; refreshing earlier to match role=a seconds=900",
      ])
  }

  @Test(arguments: [
    ("plain", "plain"), ("", #""""#), ("two words", #""two words""#), (#"a "b" \c"#, #""a \"b\" \\c""#),
    ("two\nlines", #""two\nlines""#), ("two\r\nlines", #""two\nlines""#),
  ])
  func `a value can't look like another field or line`(_ value: String, _ shown: String) {
    log.write(.settingsError, [.reason(value)])
    #expect(reader.lines == ["error: settings error reason=\(shown)"])
  }

  @Test func `an event below the level isn't logged, and a reload may change the level`() {
    log.write(.credentialRefreshed)
    #expect(reader.lines.isEmpty && !log.takes(.credentialRefreshed))
    log.level = .info
    log.write(.credentialRefreshed)
    #expect(reader.lines == ["info: credential refreshed"] && log.takes(.credentialRefreshed))
  }

  @Test func `a line's level can be raised, and never lowered`() {
    log.level = .error
    log.write(.refreshStillFails, raisedTo: .error)
    log.write(.refreshStillFails)
    log.write(.lapsed, raisedTo: .warning)
    #expect(reader.lines == ["error: refresh still fails", "error: no valid credential left"])
  }

  @Test func `lost lines are counted, and reported before the next accepted one`() {
    reader.isBehind = true
    for _ in 0..<3 { log.write(.ready) }
    #expect(log.linesLost == 3)
    reader.isBehind = false
    log.write(.ready)
    log.write(.ready)
    #expect(
      reader.lines == [
        "warning: log lines lost: neither the journal nor stderr accepted them count=3",
        "notice: ready; number of roles with a valid session",
        "notice: ready; number of roles with a valid session",
      ])
    #expect(log.linesLost == 3)
  }

  /// It was 0, which looked as if the attempt had been made already.
  @Test(arguments: [(0, 1), (1, 1), (1000, 1), (1001, 2), (29_500, 30)])
  func `the next attempt is a second away or more`(milliseconds: Int, seconds: Int) {
    #expect(LogField.next(in: .milliseconds(milliseconds)).value == "\(seconds)")
  }

  @Test func `a failure shows the answer's status and request id if there was one`() {
    let unanswered = Failure(.transient, code: "Connect", advice: "look")
    #expect([LogField](unanswered) == [.code("Connect"), .advice("look")])
    let answered = Failure(.permanent, code: "NoPermission", httpStatus: 403, requestID: "R-1", advice: "look")
    #expect([LogField](answered).suffix(2) == [.httpStatus(403), .requestID("R-1")])
  }

  @Test func `the end of the process is passed to the output`() {
    log.processEnds()
    #expect(reader.isLast)
  }
}
