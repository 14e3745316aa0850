import JSON

/// What a test does with the emulator's sources of credentials beside AccessKey files.
extension EmulatorProcess {
  /// A service of a host in the cloud, by its name in faults.
  package enum HostService: String, Sendable, CaseIterable {
    /// The metadata service of an ECS instance.
    case metadata = "ecs"
    case credentialsURI = "uri"
  }

  /// A token for AssumeRoleWithOIDC, by the configuration's only OIDC provider; `parameters` are further ones of
  /// `POST /oidc-token`, such as `audience=other` or `forged=true`.
  package func oidcToken(subject: String, lifetimeSeconds: Int = 3600, _ parameters: String = "") throws -> String {
    try ask("POST", "/oidc-token?subject=\(subject)&lifetime=\(lifetimeSeconds)&\(parameters)")
  }

  /// The service hands out a new session from its next request on.
  package func renewSession(of service: HostService) throws { try ask("POST", "/rotate?service=\(service.rawValue)") }

  /// KMS makes a new AccessKey for the user of this secret and deletes the former one after `keepSeconds`.
  package func rotate(secret: String, keepSeconds: Int) throws {
    try ask("POST", "/rotate?service=kms&secret=\(secret)&keep_seconds=\(keepSeconds)")
  }

  /// How many requests arrived that called this action, such as `GetMetadataCredentials`, with one result where it is given.
  package func requests(_ action: String, result: String? = nil) throws -> Int {
    var sum: Int64 = 0
    let text = Array(try ask("GET", "/requests").utf8)
    try JSONDocument(text.span).root["counts"]?.forEachItem { line in
      guard line["action"]?.string() == action else { return }
      if let result, line["result"]?.string() != result { return }
      sum += line["count"]?.int ?? 0
    }
    return Int(sum)
  }

  /// The AccessKeyIds whose signed requests OSS has accepted, in the order of their first one: the proof that a consumer uses a
  /// session.
  package func keysAcceptedByOSS() throws -> [String] {
    var keys: [String] = []
    for call in try storageCalls() where call.result == "OK" && !keys.contains(call.keyID) { keys.append(call.keyID) }
    return keys
  }
}
