package import Core
package import JSON

/// The status of one credential file of a role, as its readers find it.
package struct OutputStatus: WireDocument, Hashable, Sendable {
  /// Its readers' path.
  package var path: String
  /// The content that readers find.
  package enum Content: String, Hashable, Sendable {
    /// A credential that hasn't expired, perhaps from an earlier process.
    case valid
    /// No file, or one whose credential has expired.
    case none
    /// It hasn't been examined yet, or can't be.
    case unknown
  }

  /// The generation in it; nil if there is no valid content, or if it isn't known.
  package var generation: UInt64?
  package var content: Content
  /// When the credential in it expires; nil if there is none, or if it isn't known.
  package var expiresAt: UTCTime?
  /// Why it isn't as it should be, with a fix; nil if the last attempt succeeded.
  package var lastError: String?
  /// Since when it fails.
  package var since: UTCTime?

  /// `content` is derived from the generation if it isn't given.
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

  /// Whether a reader of the file finds a valid credential in it, and the next one can be written.
  package var isInPlace: Bool { content == .valid && lastError == nil }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    path = try value.text("path")
    let generation = value["generation"]?.kind == .null ? nil : try value.generation()
    self.generation = generation
    // Missing in answers of a daemon that was started before the package was upgraded.
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
