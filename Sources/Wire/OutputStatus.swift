package import Core
package import JSON

/// One credential file of a role: what programs that read files get.
package struct OutputStatus: WireDocument, Hashable, Sendable {
  /// Where its readers find it.
  package var path: String
  /// What readers of the file find.
  package enum Content: String, Hashable, Sendable {
    /// A credential that hasn't expired, perhaps of an earlier process.
    case valid
    /// No file, or one whose credential has expired.
    case none
    /// It hasn't been looked at yet, or can't be.
    case unknown
  }

  /// The generation in it; nil while there is nothing valid, and where it isn't known.
  package var generation: UInt64?
  package var content: Content
  /// When the credential in it expires; nil while there is none, and where it isn't known.
  package var expiresAt: UTCTime?
  /// Why it isn't as it should be, with what to do; nil when the last attempt went well.
  package var lastError: String?
  /// Since when it fails.
  package var since: UTCTime?

  /// `content` is by the generation when it isn't given.
  package init(
    path: String, generation: UInt64?, content: Content? = nil, expiresAt: UTCTime? = nil, lastError: String? = nil,
    since: UTCTime? = nil
  ) {
    self.path = path
    self.generation = generation
    self.content = content ?? (generation == nil ? .none : .valid)
    self.expiresAt = expiresAt
    self.lastError = lastError
    self.since = since
  }

  /// Whether a reader of the file finds a valid credential in it, and the next one will come.
  package var isInPlace: Bool { content == .valid && lastError == nil }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    path = try value.text("path")
    let generation = value["generation"]?.kind == .null ? nil : try value.generation()
    self.generation = generation
    // A daemon that was started before the package was upgraded doesn't have these yet.
    content = try value.optionalText("content").flatMap(Content.init(rawValue:)) ?? (generation == nil ? .none : .valid)
    expiresAt = try value.optionalTime("expires_at")
    lastError = try value.optionalText("last_error")
    since = try value.optionalTime("since")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("path", path)
      json.member("generation", orNull: generation.map { Int64(clamping: $0) })
      json.member("content", content.rawValue)
      json.member("expires_at", expiresAt)
      json.member("last_error", orNull: lastError)
      json.member("since", since)
    }
  }
}
