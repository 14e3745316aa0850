package import Logging

/// The fields of our log lines. In the journal each becomes `ROLEKEEPER_NAME`, so that
/// `journalctl ROLEKEEPER_ROLE=uploader` finds all that was said of a role.
package enum LogField: String {
  /// The role's name in the settings.
  case role
  /// A role's number of rotation.
  case generation
  /// The AccessKeyId of a session or of a source; never its secret. A source's is masked until STS has accepted the key.
  case accessKeyID = "access_key_id"
  /// When a session ends, `YYYY-MM-DDThh:mm:ssZ` by the server's time.
  case expires
  /// What is left, in seconds.
  case remaining
  /// The error code of the cloud, or a word of ours for what happened on the way.
  case code
  case httpStatus = "http_status"
  /// The RequestId by which the vendor finds the call.
  case requestID = "request_id"
  /// What a person can do.
  case advice
  /// When it will be tried again, in seconds from now, rounded up.
  case next
  /// How many: failures in a row, say, or roles with a credential.
  case count
  /// Of how many.
  case total
  case since
  /// The calling process, as the kernel says it.
  case uid
  case pid
  /// The name of the user `uid`, where the host has one.
  case user
  /// What the process runs: its executable's path or its name; left out where /proc doesn't show it.
  case program
  case path
  case source
  /// Whose an AccessKey is, by GetCallerIdentity.
  case arn
  /// Whose the one before was.
  case previousARN = "previous_arn"
  /// An endpoint of STS, host or host:port.
  case endpoint
  /// What was found where something else was expected: `mode 0644 instead of 0440`.
  case found
  /// The sentence of an error or a diagnostic.
  case reason
  /// A span of time in seconds.
  case seconds

  /// What a number of this field counts, for the text of a line; empty where the name says it.
  var unit: String {
    switch self {
    case .remaining, .next, .seconds: "s"
    default: ""
    }
  }
}

extension Logger {
  /// Logs a fixed phrase with fields that aren't always the same.
  func log(_ level: Logger.Level, _ phrase: Logger.Message, _ fields: [(LogField, String)]) {
    let pairs = fields.map { ($0.rawValue, Logger.MetadataValue.string($1)) }
    log(level: level, phrase, metadata: Logger.Metadata(pairs) { first, _ in first })
  }

  /// Logs a fixed phrase with its fields.
  package func log(_ level: Logger.Level, _ phrase: Logger.Message, _ fields: KeyValuePairs<LogField, String>) {
    var metadata = Logger.Metadata(minimumCapacity: fields.count)
    for (field, value) in fields { metadata[field.rawValue] = .string(value) }
    log(level: level, phrase, metadata: metadata)
  }

  package func error(_ phrase: Logger.Message, _ fields: KeyValuePairs<LogField, String>) {
    log(.error, phrase, fields)
  }
  package func warning(_ phrase: Logger.Message, _ fields: KeyValuePairs<LogField, String>) {
    log(.warning, phrase, fields)
  }
  package func notice(_ phrase: Logger.Message, _ fields: KeyValuePairs<LogField, String>) {
    log(.notice, phrase, fields)
  }
  package func info(_ phrase: Logger.Message, _ fields: KeyValuePairs<LogField, String>) { log(.info, phrase, fields) }
}
