import Logging
import Synchronization

/// What was logged: each line its level and phrase, then its fields in the order of their names.
final class LogRecorder: Sendable {
  private let lines = Mutex<[String]>([])

  var all: [String] { lines.withLock { $0 } }

  var logger: Logger { Logger(label: "test") { [self] _ in Handler(recorder: self) } }

  private func add(_ line: String) { lines.withLock { $0.append(line) } }

  private struct Handler: LogHandler {
    let recorder: LogRecorder
    var logLevel = Logger.Level.trace
    var metadata: Logger.Metadata = [:]

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let fields = (event.metadata ?? [:]).sorted { $0.key < $1.key }
      recorder.add(fields.reduce(into: "\(event.level): \(event.message)") { $0 += " \($1.key)=\($1.value)" })
    }
  }
}
