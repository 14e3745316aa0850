import Core
import FileOutput
import Logging

extension Logger {
  /// A credential file of an earlier process has no record of its end, so it is judged by a presumed one.
  func report(_ end: PresumedEnd, isRemoved: Bool, role: String? = nil) {
    let phrase: Message =
      isRemoved
      ? "removed a credential file of an earlier process: it had no record of its end and was taken for one of a 15-minute session"
      : "a credential file of an earlier process has no record of its end: it is taken for one of a 15-minute session and goes then, unless a new credential replaces it"
    let fields: [(LogField, String)] = [
      (.path, end.path), (.expires, "\(UTCTime(seconds: Int64(end.end)))"),
    ]
    log(.warning, phrase, fields + (role.map { [(.role, $0)] } ?? []))
  }
}
