import Core
import Secrets
import TestSupport
import Testing
import Wire

@Suite struct BundleDocumentTests {
  private func secret(_ text: String) -> Secret { Secret(copying: Array(text.utf8).span) }

  @Test func `the two parts are one line with the roles in their order`() throws {
    let credential = try #require(
      SessionCredential(
        accessKeyID: "STS.Nabc", accessKeySecret: secret("wyLTSm/+="), securityToken: secret("CAES+w$HOME;&="),
        expiration: UTCTime("2026-01-02T04:04:05Z")!, issued: UTCTime("2026-01-02T03:04:05Z")!))
    let roles = BundleDocument.roles([
      (
        RoleName("uploader")!,
        .session(
          credential, of: RoleARN("acs:ram::1:role/x")!, generation: 7, shortestLife: .milliseconds(2_610_900))
      ),
      (RoleName("other")!, .failure(code: "NoPermission", message: #"say "no""#, retryAfter: .seconds(30))),
      (RoleName("last")!, .failure(code: "Connect", message: "x", retryAfter: .zero)),
    ])
    let beginning = BundleBeginning(tier: "tier1").text(host: "web7.example", refreshAfter: .seconds(540))
    #expect(
      beginning + roles.text == """
        {"host":"web7.example","tier":"tier1","refresh_after":540,"roles":{"uploader":{"access_key_id":"STS.Nabc",\
        "access_key_secret":"wyLTSm/+=","security_token":"CAES+w$HOME;&=","expiration":"2026-01-02T04:04:05Z",\
        "last_updated":"2026-01-02T03:04:05Z","generation":7,"shortest_life":2610,"role_arn":"acs:ram::1:role/x"},\
        "other":{"error":{"code":"NoPermission","message":"say \\"no\\"","retry_after":30}},\
        "last":{"error":{"code":"Connect","message":"x","retry_after":1}}}}

        """)
  }

  @Test(arguments: [
    ("web7.example", #""web7.example""#), ("spiffe://prod/ns_a", #""spiffe://prod/ns_a""#),
    (#"a"b\c"#, #""a\"b\\c""#), ("wéb\n", #""wéb\n""#), ("", #""""#),
  ]) func `names are written as JSON, whatever is in them`(_ name: String, _ quoted: String) {
    #expect(
      BundleBeginning(tier: name).text(host: name, refreshAfter: .seconds(1))
        == #"{"host":\#(quoted),"tier":\#(quoted),"refresh_after":1,"roles":"#)
  }
}
