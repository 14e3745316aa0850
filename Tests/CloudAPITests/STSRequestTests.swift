import CloudAPI
import Core
import TestSupport
import Testing

@Suite struct STSRequestTests {
  @Test func `AssumeRole is sent as the official SDK sends it`() throws {
    let vector = try SignatureVector.named("assumerole")
    let request = AssumeRoleRequest(
      roleARN: try #require(RoleARN("acs:ram::1234567890123456:role/vod-uploader")), sessionName: "vod-host-1",
      duration: .seconds(3600)
    ).signed(by: SigningIdentity(vector.key), in: try context(of: vector))
    #expect(request.method == "POST")
    #expect(request.host == "sts.cn-hangzhou.aliyuncs.com")
    #expect(request.target == vector.target)
    #expect(request.headerLines == TextLines(lines(of: vector)))
    #expect(request.securityToken == nil)
  }

  @Test func `GetCallerIdentity has no query`() throws {
    let vector = try SignatureVector.named("getcalleridentity")
    let request = GetCallerIdentityRequest().signed(by: SigningIdentity(vector.key), in: try context(of: vector))
    #expect(request.target == "/")
    #expect(request.headerLines == TextLines(lines(of: vector)))
  }

  @Test func `a temporary key's id and token are signed headers`() throws {
    let vector = try SignatureVector.named("getcalleridentity-security-token")
    let token = try #require(vector.headers["x-acs-security-token"])
    let identity = SigningIdentity(
      key: vector.key, securityToken: secret(token),
      provider: try #require(vector.headers["x-acs-credentials-provider"]))
    let request = GetCallerIdentityRequest().signed(by: identity, in: try context(of: vector))
    #expect(request.headerLines == TextLines(lines(of: vector)))
    #expect(request.securityToken?.text == token)
  }

  @Test func `alternating requests of several kinds are signed as each by itself`() throws {
    let forms = RequestForms()
    let names = ["assumerole", "getcalleridentity", "getcalleridentity-security-token"]
    for name in names + names.reversed() + ["getcalleridentity"] {
      let vector = try SignatureVector.named(name)
      let token = vector.headers["x-acs-security-token"].map { secret($0) }
      let identity = SigningIdentity(
        key: vector.key, securityToken: token, provider: try #require(vector.headers["x-acs-credentials-provider"]))
      let alone = try context(of: vector)
      let context = RequestContext(
        host: alone.host, userAgent: alone.userAgent, date: alone.date, nonce: alone.nonce, forms: forms)
      let request = GetCallerIdentityRequest().signed(by: identity, in: context)
      #expect(request.headerLines == GetCallerIdentityRequest().signed(by: identity, in: alone).headerLines)
      let other = RequestContext(
        host: "sts.example", userAgent: "other", date: alone.date, nonce: alone.nonce, forms: forms)
      let lines = GetCallerIdentityRequest().signed(by: identity, in: other).headerLines
      #expect(lines != request.headerLines)
      #expect(String(decoding: lines.bytes, as: UTF8.self).contains("host: sts.example\0"))
    }
  }

  @Test func `session policy, external id and source identity are sent in the query`() throws {
    let vector = try SignatureVector.named("assumerole")
    let request = AssumeRoleRequest(
      roleARN: try #require(RoleARN("acs:ram::1:role/r")), sessionName: "a@b", duration: .milliseconds(900_999),
      policy: #"{"Version":"1"}"#, externalID: "a+b", sourceIdentity: "anna"
    ).signed(by: SigningIdentity(vector.key), in: try context(of: vector))
    #expect(
      request.target
        == "/?DurationSeconds=900&ExternalId=a%2Bb&Policy=%7B%22Version%22%3A%221%22%7D&RoleArn=acs%3Aram%3A%3A1%3Arole%2Fr"
        + "&RoleSessionName=a%40b&SourceIdentity=anna")
  }

  @Test func `a signed request prints its destination, not its signature`() throws {
    let vector = try SignatureVector.named("assumerole")
    let request = GetCallerIdentityRequest().signed(by: SigningIdentity(vector.key), in: try context(of: vector))
    var dumped = ""
    dump(request, to: &dumped)
    for text in ["\(request)", String(reflecting: request), dumped] { #expect(!text.contains("Signature")) }
    #expect("\(request)" == "POST https://sts.cn-hangzhou.aliyuncs.com")
  }

  @Test func `a nonce has 32 hex digits and differs each time`() {
    var generator = Counting()
    let nonce = Nonce.make(using: &generator)
    #expect(nonce == "00000000000000010000000000000002")
    #expect(Nonce.make(using: &generator) != nonce)
    var system = SystemRandomNumberGenerator()
    #expect(Nonce.make(using: &system).utf8.count == 32)
  }

  private struct Counting: RandomNumberGenerator {
    var count: UInt64 = 0
    mutating func next() -> UInt64 {
      count += 1
      return count
    }
  }

  private func context(of vector: SignatureVector) throws -> RequestContext {
    RequestContext(
      host: try #require(vector.headers["host"]), userAgent: try #require(vector.headers["user-agent"]),
      date: try #require(vector.headers["x-acs-date"].flatMap { UTCTime($0) }),
      nonce: try #require(vector.headers["x-acs-signature-nonce"]))
  }

  /// The vector's headers without the length, which the HTTP library adds, and without the token, which is sent separately.
  private func lines(of vector: SignatureVector) -> [String] {
    let apart = ["Content-Length", "Authorization", "x-acs-security-token"]
    return vector.headers.filter { !apart.contains($0.key) }.map { "\($0.key): \($0.value)" }.sorted()
      + ["Authorization: \(vector.authorization)"]
  }
}

extension SignatureVector {
  fileprivate var key: AccessKey { AccessKey(id: accessKeyID, secret: secret(accessKeySecret)) }
}
