import Glibc
import Laboratory
import TestNeeds
import TestSupport
import Testing

/// The vendor's own Python packages, as a second opinion on both ends.
@Suite(.serialized, .needs(.witnesses)) struct WitnessTests {
  private static let assumeRole = """
    import sys
    from alibabacloud_sts20150401.client import Client
    from alibabacloud_sts20150401.models import AssumeRoleRequest
    from alibabacloud_tea_openapi.models import Config
    endpoint, ca, key, secret, version, arn = sys.argv[1:]
    config = Config(access_key_id=key, access_key_secret=secret, endpoint=endpoint, protocol="https", ca=ca,
                    region_id="cn-hangzhou")
    if version == "v2": config.signature_algorithm = "v2"
    try:
        body = Client(config).assume_role(AssumeRoleRequest(
          role_arn=arn, role_session_name="witness", duration_seconds=900)).body
        mine = body.credentials
        me = Client(Config(access_key_id=mine.access_key_id, access_key_secret=mine.access_key_secret,
          security_token=mine.security_token, endpoint=endpoint, protocol="https", ca=ca,
          region_id="cn-hangzhou")).get_caller_identity().body
        print("granted", me.arn)
    except Exception as error:
        print("refused", getattr(error, "code", type(error).__name__))
    """

  @Test(arguments: ["v3", "v2"])
  func `the vendor's STS client is served by the emulator, and refused with a wrong secret`(version: String) throws {
    let directory = try TemporaryDirectory()
    let emulator = try EmulatorProcess(realm: RealmDraft(lifetime: nil).text, in: directory)
    func ask(_ secret: String) throws -> String {
      try WitnessPython.run(
        Self.assumeRole,
        [
          emulator.endpoint, emulator.authorityPath, RealmDraft.key.id, secret, version,
          "acs:ram::\(RealmDraft.account):role/uploader",
        ])
    }
    let granted = try ask(RealmDraft.key.secret)
    #expect(granted.hasPrefix("granted acs:ram::\(RealmDraft.account):assumed-role/uploader/witness"), "\(granted)")
    #expect(try ask("WrongWrongWrongWrong") == "refused SignatureDoesNotMatch\n")
  }

  @Test func `the vendor's credentials package takes ours from an external program`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let script = """
      from alibabacloud_credentials.client import Client
      credential = Client().get_credential()
      print(credential.access_key_id, credential.access_key_secret, credential.security_token)
      """
    let output = try WitnessPython.run(
      script, [], environment: WitnessPython.environment(withSessionOf: "uploader", from: lab))
    let credential = try lab.credential("uploader")
    #expect(output == "\(credential.keyID) \(credential.secret) \(credential.token)\n")
  }
}
