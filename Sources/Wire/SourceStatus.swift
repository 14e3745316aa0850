package import Core
package import JSON

/// A source's state: whether it can sign, and what keeps another key from signing.
package enum SourceState: String, Sendable, CaseIterable {
  /// STS has accepted the key, and there is nothing else to report.
  case working
  /// The key signs, and STS has neither accepted nor refused it yet.
  case unproven
  /// Another key was found, and is being verified while the one before signs.
  case proving
  /// Another key was found, and STS doesn't accept it or can't be reached; the one before signs.
  case keyNotTaken = "key-not-taken"
  /// The file is missing, incomplete or readable for others; the key that was in it signs. The same of a client certificate or its key.
  case unreadable
  /// STS refuses the key that signs.
  case refused
  /// No key has been read yet, so nothing can be signed.
  case noKey = "no-key"
  /// The first temporary credential is being fetched.
  case fetching
  /// The temporary credential that signs can't be renewed, for a while now.
  case notRenewed = "not-renewed"
  /// There is no temporary credential that is valid, so nothing can be signed.
  case noCredential = "no-credential"

  /// Whether a person has to act.
  package var needsAttention: Bool {
    switch self {
    case .working, .unproven, .proving, .fetching: false
    case .keyNotTaken, .unreadable, .refused, .noKey, .notRenewed, .noCredential: true
    }
  }
}

/// A source's key, and since when it signs: an old key may be disabled once AssumeRole has accepted the new one on every host.
package struct SourceStatus: WireDocument, Hashable, Sendable {
  package var name: String
  /// The source's type in the settings, such as `access-key`.
  package var type: String
  /// Nil from a daemon that is older than its command line.
  package var state: SourceState?
  /// The id of the signing key; `LTAI…` and its last four characters until STS has accepted it. Nil if there is no key, and for an
  /// id that doesn't begin so, until STS has accepted it.
  package var accessKeyID: String?
  package var inUseSince: UTCTime?
  /// When STS first accepted the key, by GetCallerIdentity or AssumeRole.
  package var provenAt: UTCTime?
  /// When a temporary credential ends; nil for an AccessKey.
  package var expiresAt: UTCTime?
  /// The role whose session signs; nil for another type.
  package var role: String?
  /// What it has from its tier; nil for another type.
  package var tier: TierStatus?
  /// The client certificate by which a server knows the daemon; nil if there is none, or it can't be read.
  package var certificate: CertificateStatus?
  /// When AssumeRole last gave a session to this key.
  package var lastAcceptedAt: UTCTime?
  /// The owner of the signing key, as GetCallerIdentity names it; nil until that is known.
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
    expiresAt = try value.optionalTime("expires_at")
    role = try value.optionalText("role")
    tier = try value.optionalDocument("tier")
    certificate = try value.optionalDocument("certificate")
    error = try value.optionalDocument("error")
    newKey = try value.optionalDocument("new_key")
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
      if let expiresAt { json.member("expires_at", expiresAt) }
      if let role { json.member("role", role) }
      if let tier { json.member("tier", orNull: tier) }
      if let certificate { json.member("certificate", orNull: certificate) }
      json.member("error", orNull: error)
      json.member("new_key", orNull: newKey)
    }
  }
}

/// A key that was found in a source's file and isn't in use yet.
package struct NewKeyStatus: WireDocument, Hashable, Sendable {
  /// Masked, since STS hasn't accepted it; nil if it doesn't begin like an id.
  package var accessKeyID: String?
  package var foundAt: UTCTime?
  /// Why it isn't used; nil while it is being verified.
  package var error: LastError?

  package init(accessKeyID: String?, foundAt: UTCTime?, error: LastError?) {
    self.accessKeyID = accessKeyID
    self.foundAt = foundAt
    self.error = error
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    accessKeyID = try value.optionalText("access_key_id")
    foundAt = try value.optionalTime("found_at")
    error = try value.optionalDocument("error")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("access_key_id", orNull: accessKeyID)
      json.member("found_at", foundAt)
      json.member("error", orNull: error)
    }
  }
}

extension SourceStatus {
  /// Where a temporary credential comes from, and until when it is valid; nil for an AccessKey.
  package var origin: String? {
    guard type != "access-key" else { return nil }
    if let tier {
      guard let bundle = tier.bundleAt else { return "source '\(name)': the tier, no bundle yet" }
      let machine = (tier.machine.map { " of '\($0)'" } ?? "") + (tier.url.map { " at \($0)" } ?? "")
      let confirmed = tier.confirmedAt.map { ", confirmed \($0)" } ?? ""
      return "source '\(name)': the tier\(machine), bundle of \(bundle)\(confirmed)"
    }
    let end = expiresAt.map { ", valid until \($0)" } ?? ""
    return "source '\(name)': \(role.map { "the session of role '\($0)'" } ?? type)\(end)"
  }

  /// The source's certificate and its end; nil if it has none.
  package var certificateText: String? { certificate.map { "source '\(name)': \($0.text)" } }

  /// Why it isn't `working`, and why a new key isn't used, a sentence each.
  package var remarks: [String] {
    // If a new key isn't used, the error is that key's, not `error`.
    let ownState = state == .keyNotTaken ? nil : state
    var source = RoleSource(name: name, state: ownState, error: error)
    source.type = type
    let own = source.trouble.map { [$0] } ?? []
    guard let newKey else { return own }
    let key = newKey.accessKeyID.map { "new AccessKey \($0)" } ?? "new AccessKey"
    let fate = newKey.error.map { "not taken: \($0.code): \($0.advice)" } ?? "is being proven"
    return own + ["source '\(name)': \(key) \(fate)"]
  }
}

/// The information on a role's source for callers that may read the role: no id of a long-lived key.
package struct RoleSource: WireDocument, Hashable, Sendable {
  package var name: String
  /// Nil if the daemon has states that this program doesn't know.
  package var state: SourceState?
  package var error: LastError?
  /// From the role whose session signs to the source at the end; empty if the source is no role.
  package var chain: [String] = []
  /// The source's type in the settings; nil unless readers have to know it, as that it is a tier.
  package var type: String?
  /// Since when the role's sessions have come from STS in place of the tier; nil if they come from the source.
  package var directSince: UTCTime?

  package init(name: String, state: SourceState?, error: LastError? = nil) {
    self.name = name
    self.state = state
    self.error = error
  }

  package init(_ value: borrowing JSONValue) throws(WireError) {
    name = try value.text("name")
    state = try value.optionalText("state").flatMap(SourceState.init(rawValue:))
    error = try value.optionalDocument("error")
    if let names = value["chain"], names.kind == .array {
      names.forEachItem { name in if let name = name.string() { chain.append(name) } }
    }
    type = try value.optionalText("type")
    directSince = try value.optionalTime("direct_since")
  }

  package func write(to json: inout JSONWriter<[UInt8]>) {
    json.object { json in
      json.member("name", name)
      json.member("state", orNull: state?.rawValue)
      json.member("error", orNull: error)
      if !chain.isEmpty {
        json.key("chain")
        json.array { json in for name in chain { json.string(name) } }
      }
      if let type { json.member("type", type) }
      if let directSince { json.member("direct_since", directSince) }
    }
  }
}

extension RoleSource {
  /// A sentence on the problem that names the affected key, the one in use or a new one; nil if there is none.
  package var trouble: String? {
    guard let error else { return nil }
    let cause = error.ofSource
    if state == .unreadable, error.code == LastError.unusableCertificate {
      return "source '\(name)': \(cause); the certificate and key read before stay in use"
    }
    if isTier { return "source '\(name)': \(tierTrouble(error)): \(cause)" }
    return switch state {
    case .keyNotTaken: "source '\(name)': new AccessKey not taken, the old one signs: \(cause)"
    case .unreadable: "source '\(name)': \(cause); the key read before goes on signing"
    case .refused: "source '\(name)': STS refuses the AccessKey in use: \(cause)"
    case .notRenewed: "source '\(name)': not renewed, the credential before signs until its end: \(cause)"
    case .noCredential: "source '\(name)': no credential: \(cause)"
    case nil, .working, .unproven, .proving, .noKey, .fetching: "source '\(name)': \(cause)"
    }
  }

  /// Whether the sessions themselves come from the source.
  package var isTier: Bool { type == "upstream" }

  private func tierTrouble(_ error: LastError) -> String {
    let since = error.since.map { " since \($0)" } ?? ""
    return switch state {
    case .refused: "the tier refuses this host\(since)"
    case .unreadable: "the tier isn't asked\(since)"
    default: "no machine of the tier answers\(since)"
    }
  }
}

extension LastError {
  /// Code and advice; only the advice if it is a sentence about a file, which makes the code redundant.
  fileprivate var ofSource: String {
    [Self.unusableFile, Self.unusableCertificate].contains(code) ? advice : "\(code): \(advice)"
  }

  /// The code of a problem on this host, such as an unusable file.
  package static let unusableFile = "AccessKeyFile"
  /// The code of a client certificate or key that can't be used.
  package static let unusableCertificate = "ClientCertificate"

  /// `sentence` is our own, about a file.
  package init(file sentence: String, since: UTCTime?) {
    self.init(Failure(.permanent, code: Self.unusableFile, advice: sentence), since: since)
  }
}
