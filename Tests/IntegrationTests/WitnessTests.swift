import Core
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

  /// Each document by Python's own parsers, which the readers of that format use.
  @Test func `Python's parsers read the same credential from each format`() throws {
    let lab = try Lab(RealmDraft(lifetime: nil))
    try lab.start()
    let script = """
      import configparser, json, shlex, subprocess, sys
      tool, socket = sys.argv[1:]
      def get(format):
          return subprocess.run([tool, "--socket", socket, "get", "uploader", "--format", format],
                                check=True, capture_output=True, text=True).stdout
      def members(format, *names):
          document = json.loads(get(format))
          return [document[name] for name in names]
      def section(format, name, *keys):
          parser = configparser.ConfigParser()
          parser.read_string(get(format))
          return [parser[name][key] for key in keys]
      def variables(text, *names):
          words = dict(word.split("=", 1) for word in text if "=" in word)
          return [words[name] for name in names]
      alibaba = ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"]
      found = {
          "json": members("json", "AccessKeyId", "AccessKeySecret", "SecurityToken"),
          "env": variables(shlex.split(get("env")), *alibaba),
          "env-file": variables(get("env-file").splitlines(), *alibaba),
          "aws": section("aws", "default", "aws_access_key_id", "aws_secret_access_key", "aws_session_token"),
          "aws-process": members("aws-process", "AccessKeyId", "SecretAccessKey", "SessionToken"),
          "aws-container": members("aws-container", "AccessKeyId", "SecretAccessKey", "Token"),
          "odps": members("odps", "accessKeyId", "accessKeySecret", "securityToken"),
          "ossutil": section("ossutil", "Credentials", "accessKeyID", "accessKeySecret", "stsToken"),
          "aliyun-cli": [json.loads(get("aliyun-cli"))["profiles"][0][name]
                         for name in ("access_key_id", "access_key_secret", "sts_token")],
      }
      for name, values in found.items():
          print(name, *values)
      """
    let output = try WitnessPython.run(script, [Programs.commandLine, lab.draft.socketPath])
    let credential = try lab.credential("uploader")
    let lines = CredentialFormat.allCases.map {
      "\($0.rawValue) \(credential.keyID) \(credential.secret) \(credential.token)\n"
    }
    #expect(output == lines.joined(), "\(output)")
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
