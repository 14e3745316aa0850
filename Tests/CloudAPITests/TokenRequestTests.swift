import CloudAPI
import Core
import Secrets
import TestSupport
import Testing

/// AssumeRoleWithOIDC, and the documents of services that hand credentials out.
@Suite struct TokenRequestTests {
  private func secret(_ text: String) -> Secret { Secret(copying: Array(text.utf8).span) }

  /// The parameters are those that the vendor's SDKs send (alibabacloud-credentials 1.0.12 and alibabacloud-tea-openapi 0.4.6).
  @Test func `a token is sent with the parameters of the official SDKs, in the body`() throws {
    let role = AssumeRoleRequest(
      roleARN: try #require(RoleARN("acs:ram::1234567890123456:role/vod-uploader")), sessionName: "vod-host-1",
      duration: .seconds(3600))
    let token = try #require(
      IdentityToken(providerARN: "acs:ram::1234567890123456:oidc-provider/idp", token: secret("aaa.bbb.ccc")))
    let request = AssumeRoleWithOIDCRequest(role, with: token).request(
      in: RequestContext(
        host: "sts.cn-hangzhou.aliyuncs.com", userAgent: "vector-maker/1",
        date: try #require(UTCTime("2026-01-02T03:04:05Z")), nonce: "nonce-0401"))
    #expect(
      request.target
        == "/?Action=AssumeRoleWithOIDC&Format=JSON&SignatureNonce=nonce-0401&Timestamp=2026-01-02T03%3A04%3A05Z&Version=2015-04-01"
    )
    #expect(
      request.body.text
        == "DurationSeconds=3600&OIDCProviderArn=acs%3Aram%3A%3A1234567890123456%3Aoidc-provider%2Fidp"
        + "&RoleArn=acs%3Aram%3A%3A1234567890123456%3Arole%2Fvod-uploader&RoleSessionName=vod-host-1&OIDCToken=aaa.bbb.ccc"
    )
    #expect(!"\(request)".contains("aaa"))
    var dumped = ""
    dump(request, to: &dumped)
    #expect(!dumped.contains("aaa"))
  }

  @Test(arguments: ["a b.c.d", "a.b.c&Action=X", "a.b.c%20", "a.b.c\n"])
  func `a text that isn't in the compact form is no token`(text: String) {
    #expect(IdentityToken(providerARN: "p", token: secret(text)) == nil)
  }

  private static let sound = """
    {"Code":"Success","AccessKeyId":"STS.a","AccessKeySecret":"s","SecurityToken":"t","Expiration":"2026-01-02T04:04:05Z","More":1}
    """

  @Test func `a document with its four members is a credential`() throws {
    let credential = try ServedCredential.session(from: Array(Self.sound.utf8).span)
    #expect(credential.key.id == "STS.a" && credential.key.secret.text == "s" && credential.securityToken?.text == "t")
    #expect(credential.expiration == UTCTime("2026-01-02T04:04:05Z"))
  }

  @Test(arguments: [
    ("\"Code\":\"Success\"", "\"Code\":\"Fail\"", "Fail"),
    ("\"SecurityToken\":\"t\",", "", "AnswerIncomplete"), ("\"STS.a\"", "\"\"", "AnswerIncomplete"),
    ("\"s\"", "7", "AnswerMalformed"), ("\"s\"", "\"a\\nb\"", "AnswerMalformed"),
    ("05Z", "05", "AnswerBadExpiration"), ("{", "[", "AnswerNotJSON"),
  ])
  func `any other document is refused, with a code`(what: String, with other: String, code: String) {
    let text = Self.sound.replacing(what, with: other)
    do throws(ServedCredentialUnusable) {
      _ = try ServedCredential.session(from: Array(text.utf8).span)
      Issue.record("taken: \(text)")
    } catch {
      #expect(error.code == code)
    }
  }

  @Test func `a RAM secret of KMS is a key without an end`() throws {
    let data = #"{\"AccessKeyId\":\"LTAIa\",\"AccessKeySecret\":\"s\",\"GenerateTimestamp\":\"x\"}"#
    let text = #"{"SecretName":"keeper","SecretType":null,"SecretData":"\#(data)","ExtendedConfig":null}"#
    let credential = try ServedCredential.kmsKey(from: Array(text.utf8).span)
    #expect(credential.key.id == "LTAIa" && credential.key.secret.text == "s")
    #expect(credential.securityToken == nil && credential.expiration == nil)
    #expect(throws: ServedCredentialUnusable.self) {
      _ = try ServedCredential.kmsKey(from: Array(#"{"SecretData":"text"}"#.utf8).span)
    }
    #expect(throws: ServedCredentialUnusable.self) {
      _ = try ServedCredential.kmsKey(from: Array(#"{"SecretString":"{}"}"#.utf8).span)
    }
  }
}
