package import Core
package import JSON

/// One credential file of a role: what programs that read files get.
package struct OutputStatus: WireDocument, Hashable, Sendable {
  /// Where its readers find it.
  package var path: String
  /// The generation in it; nil while this daemon has nothing valid there.
  package var generation: UInt64?
  /// Why it isn't as it should be, with what to do; nil when the last attempt went well.
  package var lastError: String?
  /// Since when it fails.
  package var since: UTCTime?

  package init(path: String, generation: UInt64?, lastError: String? = nil, since: UTCTime? = nil) {
    self.path = path
    self.generation = generation
    self.lastError = lastError
    self.since = since
  }

  /// Whether a reader of the file finds a valid credential in it, and the next one will come.
  package var isInPlace: Bool { generation != nil && lastError == nil }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    path = try value.text("path")
    generation = value["generation"]?.kind == .null ? nil : try value.generation()
    lastError = try value.optionalText("last_error")
    since = try value.optionalTime("since")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("path", path)
      json.member("generation", orNull: generation.map { Int64(clamping: $0) })
      json.member("last_error", orNull: lastError)
      json.member("since", since)
    }
  }
}
