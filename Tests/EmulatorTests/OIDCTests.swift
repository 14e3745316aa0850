import TestSupport
import Testing

@testable import Emulator

/// AssumeRoleWithOIDC.
@Suite struct OIDCTests {
  private static let provider = "acs:ram::1234567890123456:oidc-provider/idp"

  private static let settings = """

    [accounts.1234567890123456.oidc_providers.idp]
    issuer = "https://idp.example"
    client_ids = ["sts.aliyuncs.com", "rolekeeper"]

    [accounts.1234567890123456.roles.federated]
    policies = ["AliyunSTSAssumeRoleAccess"]
    trust_policy = '''{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
      "Principal":{"Federated":["acs:ram::1234567890123456:oidc-provider/idp"]},
      "Condition":{"StringEquals":{"oidc:iss":["https://idp.example"],"oidc:aud":["sts.aliyuncs.com"]},
        "StringLike":{"oidc:sub":["system:serviceaccount:media:*"]}}}]}'''

    """

  /// One key pair for all tests, since making one takes a while.
  private static let issuer = OIDCIssuer()

  private func cloud() throws -> TestCloud {
    let keys = Self.issuer.publicKeys.map { key -> String in
      let (n, e) = (TextCoding.base64URL(key.key.modulus), TextCoding.base64URL(key.key.exponent))
      return #"{"kty":"RSA","kid":"emulator","alg":"RS256","use":"sig","n":"\#(n)","e":"\#(e)"}"#
    }
    let text = "\(TestCloud.configuration)\(Self.settings)".replacing(
      #""rolekeeper"]"#, with: #""rolekeeper"]\#njwks = '{"keys":[{"kty":"EC"},\#(keys.joined(separator: ","))]}'"#)
    let model = try AccountModel(toml: text)
    return try TestCloud { $0 = model }
  }

  private func claims(_ change: (inout OIDCIssuer.Claims) -> Void = { _ in }) -> OIDCIssuer.Claims {
    var claims = OIDCIssuer.Claims(
      issuer: "https://idp.example", subject: "system:serviceaccount:media:uploader", audience: "sts.aliyuncs.com")
    change(&claims)
    return claims
  }

  private func send(
    _ cloud: inout TestCloud, _ token: String, _ parameters: [String: String] = [:]
  ) -> TestAnswer {
    let given = [
      "Action": "AssumeRoleWithOIDC", "Version": "2015-04-01", "Format": "JSON", "OIDCProviderArn": Self.provider,
      "RoleArn": TestCloud.arn("federated"), "RoleSessionName": "session", "OIDCToken": token,
      "Timestamp": cloud.now.isoText,
    ].merging(parameters) { $1 }
    let query = Parameters(given.map { ($0.key, $0.value) }).canonicalQuery()
    return cloud.send(
      Request(method: "GET", target: "/?\(query)", headers: [.init(name: "Host", value: "sts.aliyuncs.com")]))
  }

  private func send(_ cloud: inout TestCloud, _ claims: OIDCIssuer.Claims, isForged: Bool = false) throws -> TestAnswer
  {
    send(&cloud, try Self.issuer.token(claims, isForged: isForged, at: cloud.now))
  }

  @Test func `a token gets a session, without a key or a signature`() throws {
    var cloud = try cloud()
    let answer = try send(&cloud, claims())
    #expect(answer.status == 200, "\(answer.text)")
    #expect(answer.credentials?.text("Expiration") == "2026-01-02T04:00:00Z")
    #expect(answer.body?["AssumedRoleUser"]?.text("Arn") == "\(TestCloud.arn("federated"))/session")
    let information = try #require(answer.body?["OIDCTokenInfo"])
    #expect(information.text("Subject") == "system:serviceaccount:media:uploader")
    #expect(information.text("Issuer") == "https://idp.example" && information.text("ClientIds") == "sts.aliyuncs.com")
    #expect(information.text("IssuanceTime") == "2026-01-02T03:00:00Z")
    #expect(information.text("ExpirationTime") == "2026-01-02T04:00:00Z")
    #expect(information.text("VerificationInfo") == "Success")
    let key = try #require(answer.key)
    #expect(cloud.send("GetCallerIdentity", as: key).body?.text("IdentityType") == "AssumedRoleUser")
    #expect(cloud.send(as: key).status == 200, "the session may assume a role")
    #expect(cloud.service.callCounts.count(action: "AssumeRoleWithOIDC", role: "federated", result: "OK") == 1)
  }

  @Test(arguments: CloudVector.unsigned)
  func `the requests of the vendor's SDKs are understood`(_ vector: CloudVector) throws {
    var cloud = try cloud()
    cloud.now = try vector.time
    #expect(cloud.send(vector.request).code == "AuthenticationFail.OIDCToken.Invalid", "its token is no token")
    var request = vector.request
    let token = try Self.issuer.token(claims(), at: cloud.now)
    request.target = request.target.replacing("aaa.bbb.ccc", with: token).replacing("vod-uploader", with: "federated")
    #expect(cloud.send(request).status == 200)
  }

  struct Case: Sendable, CustomTestStringConvertible {
    let testDescription: String
    var isForged = false
    var change: @Sendable (inout OIDCIssuer.Claims) -> Void = { _ in }
    let code: String
  }

  @Test(arguments: [
    Case(testDescription: "another key", isForged: true, code: "AuthenticationFail.OIDCToken.InvalidSignature"),
    Case(
      testDescription: "another issuer", change: { $0.issuer = "https://other.example" },
      code: "AuthenticationFail.OIDCToken.Invalid"),
    Case(
      testDescription: "an unknown audience", change: { $0.audience = "other" },
      code: "AuthenticationFail.OIDCToken.AudienceNotMatch"),
    Case(
      testDescription: "an audience that the role's trust doesn't have", change: { $0.audience = "rolekeeper" },
      code: "AuthenticationFail.NoPermission"),
    Case(
      testDescription: "another subject", change: { $0.subject = "system:serviceaccount:web:uploader" },
      code: "AuthenticationFail.NoPermission"),
    Case(
      testDescription: "a past end", change: { $0.lifetimeSeconds = 0 }, code: "AuthenticationFail.OIDCToken.Expired"),
    Case(
      testDescription: "a begin to come", change: { $0.notBeforeSeconds = 1 },
      code: "AuthenticationFail.OIDCToken.Invalid"),
  ])
  func `a token that isn't good enough is refused`(_ row: Case) throws {
    var cloud = try cloud()
    let answer = try send(&cloud, claims(row.change), isForged: row.isForged)
    #expect(answer.status == 401 && answer.code == row.code)
    #expect(try send(&cloud, claims()).status == 200)
  }

  @Test func `each changed byte of a token is noticed`() throws {
    var cloud = try cloud()
    let token = Array(try Self.issuer.token(claims(), at: cloud.now).utf8)
    for index in stride(from: 0, to: token.count - 1, by: 7) {
      var changed = token
      changed[index] = changed[index] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
      #expect(send(&cloud, String(decoding: changed, as: UTF8.self)).status == 401)
    }
  }

  @Test(arguments: [
    "", "a.b", "a.b.c.d", "a.b.c", "e30=.e30.e30", "e30.e30.e30", "eyJhbGciOiJub25lIn0.e30.",
    "eyJhbGciOiJIUzI1NiJ9.e30.AA",
  ])
  func `what is no token is refused as invalid`(_ text: String) throws {
    var cloud = try cloud()
    let answer = send(&cloud, text)
    #expect(answer.status == 401 && answer.code == "AuthenticationFail.OIDCToken.Invalid")
  }

  @Test func `provider, role and parameters have their own errors`() throws {
    var cloud = try cloud()
    let token = try Self.issuer.token(claims(), at: cloud.now)
    func code(_ parameters: [String: String]) -> String { send(&cloud, token, parameters).code }
    #expect(code(["OIDCProviderArn": "\(Self.provider)x"]) == "AuthenticationFail.NoPermission")
    #expect(code(["OIDCProviderArn": ""]) == "AuthenticationFail.NoPermission")
    #expect(code(["RoleArn": TestCloud.arn("uploader")]) == "AuthenticationFail.NoPermission")
    #expect(code(["RoleArn": TestCloud.arn("nobody")]) == "EntityNotExist.Role")
    #expect(code(["DurationSeconds": "3601"]) == "InvalidParameter.DurationSeconds")
    #expect(code(["RoleSessionName": ""]) == "MissingRoleSessionName")
    #expect(code(["Timestamp": "2026-01-02T02:00:00Z"]) == "InvalidTimeStamp.Expired")
    let narrowing = #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"vod:*","Resource":"*"}]}"#
    let key = try #require(send(&cloud, token, ["Policy": narrowing]).key)
    #expect(cloud.send(as: key).code == "NoPermission", "the session policy has no sts:AssumeRole")
  }

  @Test func `a user's AccessKey doesn't satisfy a trust in a provider`() throws {
    var cloud = try cloud()
    #expect(cloud.send("AssumeRole", ["RoleArn": TestCloud.arn("federated")]).code == "NoPermission")
  }

  @Test func `the control endpoint makes tokens for a provider without keys`() throws {
    let bench = try OSSBench(AccountModel(toml: TestCloud.configuration + Self.settings))
    let control = ControlAPI(service: bench.shared, storage: nil, reload: nil)
    func ask(_ query: String) -> Answer {
      control.answer(Request(method: "POST", target: "/oidc-token\(query)", headers: [])).answer
    }
    let made = ask("?subject=system:serviceaccount:media:x&lifetime=60")
    let token = try OIDCToken(String(decoding: made.body, as: UTF8.self))
    let provider = try #require(bench.shared.withService { $0.model.oidcProvider(Self.provider) })
    let issuer = bench.shared.withService { $0.oidcIssuer }
    #expect(throws: Never.self) { try token.verify(for: provider, by: issuer, at: bench.clock.now) }
    #expect(throws: Refusal.self) {
      try token.verify(for: provider, by: issuer, at: bench.clock.now.advanced(bySeconds: 60))
    }
    let forged = try OIDCToken(String(decoding: ask("?forged=true").body, as: UTF8.self))
    #expect(throws: Refusal.oidcSignature) { try forged.verify(for: provider, by: issuer, at: bench.clock.now) }
    #expect(ask("?provider=other").status == 400 && ask("?lifetime=x").status == 400)
  }

  @Test func `a public key is read from PEM, and another kind of key isn't`() throws {
    // RFC 7515, A.2: its key, and its signature over its text.
    let key = RSAPublicKey(
      modulus: try #require(TextCoding.bytes(base64URL: RFC7515.modulus)), exponent: [1, 0, 1])
    #expect(key.verifies(try #require(TextCoding.bytes(base64URL: RFC7515.signature)), of: Array(RFC7515.text.utf8)))
    #expect(!key.verifies(try #require(TextCoding.bytes(base64URL: RFC7515.signature)), of: Array("x".utf8)))
    #expect(try #require(RSAPublicKey(pem: RFC7515.pem)) == RSAPublicKey(modulus: key.modulus, exponent: key.exponent))
    #expect(RSAPublicKey(pem: try Certificates(names: []).authority) == nil)
  }
}
