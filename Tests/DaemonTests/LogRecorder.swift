import Core
import Logs

/// What was logged: each line its level and phrase, then its fields in the order of their names.
final class LogRecorder: LogOutput {
  private(set) var all: [String] = []

  var log: Log { Log(to: self, level: .debug) }

  func write(_ line: LogLine) -> Bool {
    all.append(
      line.fields.reduce(into: "\(line.level): \(line.event.phrase)") { $0 += " \($1.name.rawValue)=\($1.value)" })
    return true
  }

  func processEnds() {}
}
