package import Core
package import JSON

/// How a source fares: whether it can sign, and what keeps another key from signing.
package enum SourceState: String, Sendable, CaseIterable {
  /// STS has accepted the key, and nothing else is to be said.
  case working
  /// The key signs, and STS has neither accepted nor refused it yet.
  case unproven
  /// Another key was found, and is being proven while the one before signs.
  case proving
  /// Another key was found, and STS doesn't accept it, or can't be asked; the one before signs.
  case keyNotTaken = "key-not-taken"
  /// The file is gone, half written or open to others; the key that was in it signs.
  case unreadable
  /// STS refuses the key that signs.
  case refused
  /// No key has been read yet: nothing can be signed.
  case noKey = "no-key"

  /// Whether a person has to do something.
  package var needsAttention: Bool {
    switch self {
    case .working, .unproven, .proving: false
    case .keyNotTaken, .unreadable, .refused, .noKey: true
    }
  }
}

/// Who signs, and since when: an old key may be disabled once AssumeRole has accepted the new one on every host.
package struct SourceStatus: WireDocument, Hashable, Sendable {
  package var name: String
  /// As in the settings: `access-key`.
  package var type: String
  /// nil from a daemon that is older than its command line.
  package var state: SourceState?
  /// Of the key that signs; `LTAI…` and its last four characters until STS has accepted it. nil when there is none, and for an id
  /// that doesn't begin so until STS has accepted it.
  package var accessKeyID: String?
  package var inUseSince: UTCTime?
  /// When STS first accepted the key, by GetCallerIdentity or AssumeRole.
  package var provenAt: UTCTime?
  /// When AssumeRole last gave a session to this key.
  package var lastAcceptedAt: UTCTime?
  /// Whose the key that signs is, as GetCallerIdentity names it; nil until that is known.
  package var arn: String?
  /// Why the file can't be used, or why STS refuses the key that signs.
  package var error: LastError?
  /// A key that was found and doesn't sign yet.
  package var newKey: NewKeyStatus?

  package init(
    name: String, type: String, state: SourceState?, accessKeyID: String? = nil, inUseSince: UTCTime? = nil,
    provenAt: UTCTime? = nil, lastAcceptedAt: UTCTime? = nil, arn: String? = nil, error: LastError? = nil,
    newKey: NewKeyStatus? = nil
  ) {
    self.name = name
    self.type = type
    self.state = state
    self.accessKeyID = accessKeyID
    self.inUseSince = inUseSince
    self.provenAt = provenAt
    self.lastAcceptedAt = lastAcceptedAt
    self.arn = arn
    self.error = error
    self.newKey = newKey
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    name = try value.text("name")
    type = try value.text("type")
    state = try value.optionalText("state").flatMap(SourceState.init(rawValue:))
    accessKeyID = try value.optionalText("access_key_id")
    inUseSince = try value.optionalTime("in_use_since")
    provenAt = try value.optionalTime("proven_at")
    lastAcceptedAt = try value.optionalTime("last_accepted_at")
    arn = try value.optionalText("arn")
    if let error = value["error"], error.kind != .null { self.error = try LastError(error) }
    if let key = value["new_key"], key.kind != .null { newKey = try NewKeyStatus(key) }
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("name", name)
      json.member("type", type)
      json.member("state", orNull: state?.rawValue)
      json.member("access_key_id", orNull: accessKeyID)
      json.member("in_use_since", inUseSince)
      json.member("proven_at", provenAt)
      json.member("last_accepted_at", lastAcceptedAt)
      if let arn { json.member("arn", arn) }
      json.key("error")
      if let error { error.write(to: &json) } else { json.null() }
      json.key("new_key")
      if let newKey { newKey.write(to: &json) } else { json.null() }
    }
  }
}

/// A key that was found in a source's file and isn't in use yet.
package struct NewKeyStatus: WireDocument, Hashable, Sendable {
  /// Masked, for STS hasn't accepted it; nil when it doesn't begin as an id does.
  package var accessKeyID: String?
  package var foundAt: UTCTime?
  /// Why it isn't taken; nil while it is being proven.
  package var error: LastError?

  package init(accessKeyID: String?, foundAt: UTCTime?, error: LastError?) {
    self.accessKeyID = accessKeyID
    self.foundAt = foundAt
    self.error = error
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    accessKeyID = try value.optionalText("access_key_id")
    foundAt = try value.optionalTime("found_at")
    if let error = value["error"], error.kind != .null { self.error = try LastError(error) }
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("access_key_id", orNull: accessKeyID)
      json.member("found_at", foundAt)
      json.key("error")
      if let error { error.write(to: &json) } else { json.null() }
    }
  }
}

extension SourceStatus {
  /// What keeps it from working, and a key that isn't taken, a sentence each.
  package var remarks: [String] {
    // An error of a key that isn't taken is that key's, not `error`.
    let ownState = state == .keyNotTaken ? nil : state
    let own = RoleSource(name: name, state: ownState, error: error).trouble.map { [$0] } ?? []
    guard let newKey else { return own }
    let key = newKey.accessKeyID.map { "new AccessKey \($0)" } ?? "new AccessKey"
    let fate = newKey.error.map { "not taken: \($0.code): \($0.advice)" } ?? "is being proven"
    return own + ["source '\(name)': \(key) \(fate)"]
  }
}

/// What whoever may read a role sees of the role's source: no id of a long-lived key.
package struct RoleSource: WireDocument, Hashable, Sendable {
  package var name: String
  /// nil from a daemon that knows states which this program doesn't.
  package var state: SourceState?
  package var error: LastError?

  package init(name: String, state: SourceState?, error: LastError? = nil) {
    self.name = name
    self.state = state
    self.error = error
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    name = try value.text("name")
    state = try value.optionalText("state").flatMap(SourceState.init(rawValue:))
    if let error = value["error"], error.kind != .null { self.error = try LastError(error) }
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("name", name)
      json.member("state", orNull: state?.rawValue)
      json.key("error")
      if let error { error.write(to: &json) } else { json.null() }
    }
  }
}

extension RoleSource {
  /// A sentence on what is wrong that says which key is meant, the one in use or a new one; nil when nothing is.
  package var trouble: String? {
    guard let error else { return nil }
    let cause = error.ofSource
    return switch state {
    case .keyNotTaken: "source '\(name)': new AccessKey not taken, the old one signs: \(cause)"
    case .unreadable: "source '\(name)': \(cause); the key read before goes on signing"
    case .refused: "source '\(name)': STS refuses the AccessKey in use: \(cause)"
    case nil, .working, .unproven, .proving, .noKey: "source '\(name)': \(cause)"
    }
  }
}

extension LastError {
  /// Code and advice; the advice alone for a sentence about a file, which says what the code does.
  fileprivate var ofSource: String { code == Self.unusableFile ? advice : "\(code): \(advice)" }

  /// The code of an error of the host's own, such as a file that can't be used.
  package static let unusableFile = "AccessKeyFile"

  /// A sentence of our own about a file.
  package init(file sentence: String, since: UTCTime?) {
    self.init(Failure(.permanent, code: Self.unusableFile, advice: sentence), since: since)
  }
}
