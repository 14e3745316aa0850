import Laboratory
import TestNeeds
import TestSupport
import Testing

/// The vendor's own Python packages at the emulator's sources of credentials.
@Suite(.serialized, .needs(.witnesses)) struct SourceWitnessTests {
  private static let provider = "acs:ram::\(RealmDraft.account):oidc-provider/idp"

  /// An instance's role, and one for the holders of an OIDC token.
  private var realm: RealmDraft {
    var realm = RealmDraft(lifetime: nil, roles: ["host", "federated"])
    func trust(_ principal: String, _ condition: String = "") -> String {
      """
      trust_policy = '''{"Version":"1","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",
        "Principal":\(principal)\(condition)}]}'''
      """
    }
    realm.trusts["host"] = trust(#"{"Service":["ecs.aliyuncs.com"]}"#)
    realm.trusts["federated"] = trust(
      #"{"Federated":["\#(Self.provider)"]}"#, #","Condition":{"StringEquals":{"oidc:sub":"web"}}"#)
    realm.more = """
      [accounts.\(RealmDraft.account).oidc_providers.idp]
      issuer = "https://idp.example"
      client_ids = ["sts.aliyuncs.com"]

      [ecs]
      role = "acs:ram::\(RealmDraft.account):role/host"
      """
    return realm
  }

  @Test func `the vendor's packages assume a role with an OIDC token`() throws {
    let directory = try TemporaryDirectory()
    let emulator = try EmulatorProcess(realm: realm.text, in: directory)
    let script = """
      import sys
      from alibabacloud_credentials.provider import OIDCRoleArnCredentialsProvider
      from alibabacloud_sts20150401.client import Client
      from alibabacloud_sts20150401.models import AssumeRoleWithOIDCRequest
      from alibabacloud_tea_openapi.models import Config
      endpoint, ca, role, provider, path = sys.argv[1:]
      client = Client(Config(endpoint=endpoint, protocol="https", ca=ca, region_id="cn-hangzhou"))
      try:
          body = client.assume_role_with_oidc(AssumeRoleWithOIDCRequest(
            role_arn=role, oidcprovider_arn=provider, oidctoken=open(path).read(), role_session_name="witness")).body
          print(body.assumed_role_user.arn, body.oidctoken_info.subject, body.oidctoken_info.issuer)
          source = OIDCRoleArnCredentialsProvider(role_arn=role, oidc_provider_arn=provider,
            oidc_token_file_path=path, role_session_name="witness", sts_endpoint=endpoint)
          # It has no setting for this.
          source._runtime_options["ca"] = ca
          found = source.get_credentials()
          me = Client(Config(access_key_id=found.get_access_key_id(), access_key_secret=found.get_access_key_secret(),
            security_token=found.get_security_token(), endpoint=endpoint, protocol="https", ca=ca,
            region_id="cn-hangzhou")).get_caller_identity().body
          print(me.arn)
      except Exception as error:
          print("refused", getattr(error, "code", error))
      """
    func ask(_ subject: String) throws -> String {
      let path = try directory.write(try emulator.oidcToken(subject: subject), to: "token")
      let role = "acs:ram::\(RealmDraft.account):role/federated"
      return try WitnessPython.run(
        script, [emulator.endpoint, emulator.authorityPath, role, Self.provider, path])
    }
    let granted = try ask("web")
    #expect(
      granted == """
        acs:ram::\(RealmDraft.account):role/federated/witness web https://idp.example
        acs:ram::\(RealmDraft.account):assumed-role/federated/witness

        """, "\(granted)")
    #expect(try ask("mail") == "refused AuthenticationFail.NoPermission\n")
  }

  @Test func `the vendor's OSS package reads the metadata service's document`() throws {
    let directory = try TemporaryDirectory()
    let emulator = try EmulatorProcess(realm: realm.text, in: directory, hasHostServices: true)
    let script = """
      import sys
      from oss2.credentials import EcsRamRoleCredentialsProvider
      found = EcsRamRoleCredentialsProvider(sys.argv[1]).get_credentials()
      print(found.get_access_key_id()[:4], bool(found.get_access_key_secret()), found.get_security_token()[:4])
      """
    let url = "http://127.0.0.1:\(emulator.metadataPort)/latest/meta-data/ram/security-credentials/host"
    #expect(try WitnessPython.run(script, [url]) == "STS. True CAIS\n")
    #expect(try emulator.requests("GetMetadataCredentials", result: "OK") == 1)
  }
}
