import Core
import Glibc
import Laboratory
import TestSupport
import Testing
import Wire

/// Sources whose credential a service hands out: the metadata service of an ECS instance, a token, a URL, KMS.
@Suite(.serialized) struct SourceServiceTests {
  private static let account = RealmDraft.account

  private static let host = """
    role = "acs:ram::\(account):role/host"
    """
  private static let ecsTrust =
    "trust_policy = '{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":{\"Service\":[\"ecs.aliyuncs.com\"]}}]}'"

  private func source(_ lab: Lab) throws -> SourceStatus {
    try #require(try lab.report().sources.first { $0.name == "other" })
  }

  /// Refreshes the role and waits for the session.
  private func refresh(_ lab: Lab) throws {
    let before = try lab.emulator.draws(of: "uploader", result: "OK")
    try lab.refresh(["uploader"])
    try eventually("it was refreshed:\n\(lab.daemon.log)") {
      try lab.emulator.draws(of: "uploader", result: "OK") > before
    }
  }

  /// What holds for each of them: a new credential is followed, a failing service is reported and named, and the role goes on.
  private func expectRotation(_ lab: Lab, service: String) throws {
    let daemon = try #require(lab.daemon)
    #expect(daemon.logLines("refresh failed").isEmpty, "\(daemon.log)")
    let first = try #require(try source(lab).accessKeyID)
    #expect(try source(lab).state == .working && first.hasPrefix("STS."))
    #expect(try source(lab).expiresAt != nil)
    // Its session is revoked, and another one is there: the request itself is repeated.
    try lab.emulator.fault("kind=session-revoked&key=\(first)")
    _ = try lab.emulator.ask("POST", "/rotate?service=\(service)")
    try refresh(lab)
    #expect(try source(lab).accessKeyID != first)
    #expect(daemon.logLines("refresh failed").isEmpty, "\(daemon.log)")
    try daemon.awaitLog("the source has another credential", "source=other")
    // The service fails for a while: what it handed out signs on.
    let fault = try lab.emulator.fault("kind=error&status=503&code=ServiceUnavailable&service=\(service)")
    _ = try daemon.post("/v1/reload")
    try daemon.awaitLog("can't be renewed, keeping the current one", "source=other")
    try refresh(lab)
    try lab.emulator.clearFault(fault)
    _ = try daemon.post("/v1/reload")
    try daemon.awaitLog("credential of the source fetched", "source=other")
  }

  // MARK: - ECS

  private func instance(_ more: String = "", imdsV1: Bool = true) throws -> Lab {
    try Lab.withService(
      "[ecs]\n\(Self.host)\nimds_v1 = \(imdsV1)", trusts: ["host": Self.ecsTrust]
    ) { "type = \"ecs-ram-role\"\nmetadata_address = \"127.0.0.1:\($0.emulator.metadataPort)\"\n\(more)" }
  }

  @Test func `the role of an ECS instance signs, with tokens, and its rotation is followed`() throws {
    let lab = try instance(imdsV1: false)
    try lab.start()
    try expectRotation(lab, service: "ecs")
  }

  @Test func `without tokens the metadata service is asked only if that is allowed`() throws {
    let lab = try instance()
    try lab.emulator.fault("kind=error&status=404&code=NotFound&service=ecs&action=PutMetadataToken")
    let daemon = try lab.launch()
    try daemon.awaitLog("the source has no credential", "MetadataToken", "allow_imds_v1")
    try daemon.awaitLog("refresh failed", "SourceNotReady", "waits for source 'other'")
    #expect(try source(lab).state == .noCredential)
    let other = try instance("allow_imds_v1 = true")
    try other.emulator.fault("kind=error&status=404&code=NotFound&service=ecs&action=PutMetadataToken")
    try other.start()
    #expect(try other.status("uploader").state == .valid)
  }

  @Test func `an instance without that role, and a service that isn't there, are named`() throws {
    let lab = try instance("role_name = \"another\"")
    let daemon = try lab.launch()
    try daemon.awaitLog("the source has no credential", "NoInstanceRole", "'another'")
    lab.draft.sources = "[source.other]\ntype = \"ecs-ram-role\"\nmetadata_address = \"127.0.0.1:1\"\n"
    try lab.writeSettings()
    _ = try daemon.post("/v1/reload")
    try daemon.awaitLog("the source has no credential", "Connect", "look at what listens at 127.0.0.1:1,")
  }

  // MARK: - OIDC

  private func tokens() throws -> Lab {
    let provider = "acs:ram::\(Self.account):oidc-provider/idp"
    let trust =
      "trust_policy = '{\"Version\":\"1\",\"Statement\":[{\"Effect\":\"Allow\",\"Action\":\"sts:AssumeRole\",\"Principal\":{\"Federated\":[\"\(provider)\"]}}]}'"
    return try Lab.withService(
      """
      [accounts.\(Self.account).oidc_providers.idp]
      issuer = "https://idp.example"
      client_ids = ["sts.aliyuncs.com"]
      """, trusts: ["uploader": trust]
    ) { "type = \"oidc\"\nprovider_arn = \"\(provider)\"\ntoken_file = \"\($0.directory.path("token"))\"" }
  }

  private func writeToken(_ lab: Lab, _ parameters: String = "", mode: mode_t = 0o644) throws {
    let token = try lab.emulator.ask("POST", "/oidc-token\(parameters)")
    try lab.directory.write(token + "\n", to: "token.new", mode: mode)
    rename(lab.directory.path("token.new"), lab.directory.path("token"))
  }

  @Test func `a role is assumed with a token, which is read again for each request and never shown`() throws {
    let lab = try tokens()
    try writeToken(lab)
    let daemon = try lab.start()
    #expect(try lab.status("uploader").state == .valid, "\(daemon.log)")
    #expect(try source(lab).state == .working && source(lab).type == "oidc")
    try writeToken(lab, "?lifetime=-10")
    let before = try lab.credential("uploader").keyID
    try lab.refresh(["uploader"])
    try daemon.awaitLog("refresh failed", "AuthenticationFail.OIDCToken.Expired", "look why its file isn't renewed")
    #expect(try lab.credential("uploader").keyID == before && source(lab).state == .refused)
    try writeToken(lab)
    try lab.refresh(["uploader"])
    try eventually("it goes on:\n\(daemon.log)") { try source(lab).state == .working }
    try writeToken(lab, "?forged=true")
    try lab.refresh(["uploader"])
    try daemon.awaitLog("refresh failed", "AuthenticationFail.OIDCToken.InvalidSignature")
    // A token is three parts of base64, the first of which begins so.
    #expect(!daemon.log.contains("eyJ"), "a token is in the log")
  }

  @Test func `a token file that others may write to, and one that is missing, are refused with the fix`() throws {
    let lab = try tokens()
    let daemon = try lab.launch()
    try daemon.awaitLog("refresh failed", "IdentityTokenFile", "No such file or directory")
    try writeToken(lab, mode: 0o666)
    try lab.refresh(["uploader"])
    try eventually("it is named:\n\(daemon.log)") {
      try lab.status("uploader").lastError?.advice.contains("others than its owner may write to it") == true
    }
    chmod(lab.directory.path("token"), 0o644)
    try lab.refresh(["uploader"])
    try eventually("it goes on:\n\(daemon.log)") { try lab.status("uploader").state == .valid }
  }

  /// The daemon stood still with all its roles, until the watchdog ended it.
  @Test func `a token file whose disk doesn't answer holds up the requests that need it, and nothing else`() throws {
    let lab = try tokens()
    try writeToken(lab)
    let disk = BrokenDisk(in: lab.directory)
    let daemon = try lab.launch(environment: disk.environment)
    try daemon.awaitReady()
    #expect(try lab.status("uploader").state == .valid, "\(daemon.log)")
    try disk.become([BrokenDisk.Fault(.hangRead, below: lab.directory.path("token"))])
    defer { try? disk.become([]) }
    try lab.refresh(["uploader"])
    // The read hangs for as long as this test wants.
    #expect(try lab.credential("uploader").keyID.hasPrefix("STS."))
    try daemon.awaitLog("refresh failed", "IdentityTokenFile", "its disk doesn't answer")
    #expect(try lab.credential("uploader").keyID.hasPrefix("STS.") && source(lab).state == .unreadable)
    try disk.become([])
    try lab.refresh(["uploader"])
    try eventually("it goes on:\n\(daemon.log)") { try lab.status("uploader").state == .valid }
  }

  // MARK: - Credentials URI

  private static let served = "[credentials_uri]\n\(host)\npath = \"/credentials\""

  @Test func `a server with client certificates hands the credential out, and its rotation is followed`() throws {
    let lab = try Lab.withService(Self.served) {
      """
      type = "credentials-uri"
      url = "https://127.0.0.1:\($0.emulator.credentialsURIPort)/credentials"
      ca_file = "\($0.emulator.authorityPath)"
      certificate = "\($0.emulator.clientCertificatePath)"
      key = "\($0.emulator.clientCertificatePath)"
      """
    }
    try lab.start()
    try expectRotation(lab, service: "uri")
  }

  /// Neither the connection nor the TLS session of the request before may stand in for it.
  @Test func `a certificate that was replaced on the disk is the one that the next request presents`() throws {
    let lab = try Lab.withService(Self.served) {
      """
      type = "credentials-uri"
      url = "https://127.0.0.1:\($0.emulator.credentialsURIPort)/credentials"
      ca_file = "\($0.emulator.authorityPath)"
      certificate = "\($0.directory.path("client.pem"))"
      key = "\($0.directory.path("client.key"))"
      """
    }
    let (certificate, key) = (lab.directory.path("client.pem"), lab.directory.path("client.key"))
    func put(_ words: [String]) throws {
      unlink(certificate)
      unlink(key)
      let run = try ChildProcess.run(words)
      try #require(run.status == 0, "\(run)")
      chmod(key, 0o400)
    }
    let good = lab.emulator.clientCertificatePath
    let copy = ["/bin/sh", "-c", "cp '\(good)' '\(certificate)' && cp '\(good)' '\(key)'"]
    try put(copy)
    let daemon = try lab.start()
    #expect(try source(lab).state == .working)
    // Of nobody whom the server knows.
    try put([
      "/usr/bin/openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days",
      "2",
      "-subj",
      "/CN=stranger", "-keyout", key, "-out", certificate,
    ])
    _ = try daemon.post("/v1/reload")
    try daemon.awaitLog("can't be renewed, keeping the current one", "source=other")
    try put(copy)
    _ = try daemon.post("/v1/reload")
    try daemon.awaitLog("credential of the source fetched", "source=other")
  }

  @Test func `without a client certificate the server gives nothing, and the failure names the settings`() throws {
    let lab = try Lab.withService(Self.served) {
      """
      type = "credentials-uri"
      url = "https://127.0.0.1:\($0.emulator.credentialsURIPort)/credentials"
      ca_file = "\($0.emulator.authorityPath)"
      """
    }
    let daemon = try lab.launch()
    try daemon.awaitLog("the source has no credential", "source=other", "'certificate'")
  }

  @Test func `a server on a Unix socket hands the credential out`() throws {
    let lab = try Lab.withService(Self.served) {
      "type = \"credentials-uri\"\nsocket = \"\($0.emulator.credentialsSocketPath)\"\npath = \"/credentials\""
    }
    try lab.start()
    try expectRotation(lab, service: "uri")
  }

  // MARK: - KMS

  @Test func `an AccessKey that KMS rotates is followed when STS no longer takes the one before`() throws {
    let lab = try Lab.withService(
      "[kms.secrets.keeper]\naccount = \"\(Self.account)\"\nuser = \"keeper\""
    ) {
      """
      type = "kms"
      secret = "keeper"
      token_file = "\($0.emulator.kmsTokenPath)"
      agent_address = "127.0.0.1:\($0.emulator.kmsAgentPort)"
      """
    }
    let daemon = try lab.start()
    #expect(try lab.status("uploader").state == .valid, "\(daemon.log)")
    #expect(try source(lab).accessKeyID == RealmDraft.key.id && source(lab).state == .working)
    _ = try lab.emulator.ask("POST", "/rotate?service=kms&secret=keeper&keep_seconds=0")
    try refresh(lab)
    #expect(try source(lab).accessKeyID != RealmDraft.key.id)
    #expect(daemon.logLines("refresh failed").isEmpty, "\(daemon.log)")
    #expect(!daemon.log.contains(RealmDraft.key.secret))
  }
}
