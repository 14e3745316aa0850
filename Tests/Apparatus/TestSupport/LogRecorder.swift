import Core
package import Logs

/// What was logged: each line its level and phrase, then its fields in the order of their names.
package final class LogRecorder: LogOutput {
  package private(set) var all: [String] = []

  package init() {}

  package var log: Log { Log(to: self, level: .debug) }

  package func write(_ line: LogLine) -> Bool {
    all.append(
      line.fields.reduce(into: "\(line.level): \(line.event.phrase)") { $0 += " \($1.name.rawValue)=\($1.value)" })
    return true
  }

  package func processEnds() {}
}
