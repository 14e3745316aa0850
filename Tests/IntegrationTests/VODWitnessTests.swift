import Laboratory
import TestNeeds
import TestSupport
import Testing

/// The vendor's own VOD client with a session from the emulator's STS, and its OSS client with what that client is given.
@Suite(.serialized, .needs(.witnesses)) struct VODWitnessTests {
  private static let script = """
    import base64, json, sys, oss2
    from oss2.credentials import StaticCredentialsProvider
    from alibabacloud_sts20150401.client import Client as STS
    from alibabacloud_sts20150401.models import AssumeRoleRequest
    from alibabacloud_tea_openapi.models import Config
    from alibabacloud_vod20170321.client import Client as VOD
    from alibabacloud_vod20170321 import models

    endpoint, ca, key, secret, version, arn, policy = sys.argv[1:]
    def config(**credential):
        made = Config(endpoint=endpoint, protocol="https", ca=ca, region_id="cn-shanghai", **credential)
        if version == "v2": made.signature_algorithm = "v2"
        return made
    session = STS(config(access_key_id=key, access_key_secret=secret)).assume_role(AssumeRoleRequest(
        role_arn=arn, role_session_name="witness", duration_seconds=900, policy=policy or None)).body.credentials
    vod = VOD(config(access_key_id=session.access_key_id, access_key_secret=session.access_key_secret,
                     security_token=session.security_token))

    def show(name, call):
        try:
            print(name, call())
        except Exception as error:
            print(name, "refused", getattr(error, "code", type(error).__name__))
    def read(text): return json.loads(base64.b64decode(text))

    body = vod.create_upload_video(models.CreateUploadVideoRequest(
        title="Ein Titel ~*+ 视频", file_name="film.mp4", file_size=1234, reference_id="witness-1",
        tags="a,b", user_data='{"Extend":{"localId":"ü"}}', enable_first_frame_cover=True)).body
    address, auth = read(body.upload_address), read(body.upload_auth)
    print("created", len(body.video_id), len(body.request_id), sorted(address), sorted(auth), auth["Expiration"])

    def refresh(**named):
        again = vod.refresh_upload_video(models.RefreshUploadVideoRequest(**named)).body
        return (again.video_id == body.video_id, again.upload_address == body.upload_address,
                read(again.upload_auth)["SecurityToken"] != auth["SecurityToken"])
    show("by id", lambda: refresh(video_id=body.video_id))
    show("by reference", lambda: refresh(reference_id="witness-1"))
    def mezzanine():
        found = vod.get_mezzanine_info(models.GetMezzanineInfoRequest(video_id=body.video_id)).body.mezzanine
        return found.status, found.video_id == body.video_id, address["FileName"].endswith("/" + found.file_name)
    show("mezzanine", mezzanine)
    def upload():
        provider = StaticCredentialsProvider(auth["AccessKeyId"], auth["AccessKeySecret"], auth["SecurityToken"])
        bucket = oss2.Bucket(
            oss2.ProviderAuthV4(provider), address["Endpoint"], address["Bucket"], region=auth["Region"])
        return bucket.put_object(address["FileName"], b"x" * 1234).status
    show("upload", upload)
    show("mezzanine", mezzanine)
    def details():
        found = vod.get_upload_details(models.GetUploadDetailsRequest(media_ids=body.video_id + ",none")).body
        return [(one.status, one.upload_size) for one in found.upload_details], found.non_exist_media_ids
    show("details", details)
    show("delete", lambda: len(vod.delete_multipart_upload(
        models.DeleteMultipartUploadRequest(media_id=body.video_id, media_type="video")).body.request_id))
    """

  private func run(version: String, policy: String) throws -> [String] {
    let directory = try TemporaryDirectory()
    let realm = """
      [accounts.\(RealmDraft.account).users.keeper]
      access_keys = [{ id = "\(RealmDraft.key.id)", secret = "\(RealmDraft.key.secret)" }]
      policies = ["AliyunSTSAssumeRoleAccess"]

      [accounts.\(RealmDraft.account).roles.uploader]
      trust = ["acs:ram::\(RealmDraft.account):root"]
      policies = ["AliyunVODFullAccess"]
      """
    let emulator = try EmulatorProcess(realm: realm, in: directory, objects: directory.path("objects"))
    let output = try WitnessPython.run(
      Self.script,
      [
        emulator.endpoint, emulator.authorityPath, RealmDraft.key.id, RealmDraft.key.secret, version,
        "acs:ram::\(RealmDraft.account):role/uploader", policy,
      ], environment: ["REQUESTS_CA_BUNDLE": emulator.authorityPath])
    let videos = try emulator.ask("GET", "/videos")
    #expect(videos.contains(#""total":1,"#) && videos.contains("Ein Titel ~*+ 视频"), "\(videos)")
    #expect(videos.contains(#""UserData":"{\"Extend\":{\"localId\":\"ü\"}}""#), "\(videos)")
    return output.split(separator: "\n").map(String.init)
  }

  private static let created =
    "created 32 36 ['Bucket', 'Endpoint', 'FileName'] "
    + "['AccessKeyId', 'AccessKeySecret', 'Expiration', 'ExpireUTCTime', 'Region', 'SecurityToken'] 3000"

  @Test(arguments: ["v3", "v2"])
  func `the vendor's VOD client makes, refreshes and asks for a video`(version: String) throws {
    let lines = try run(version: version, policy: "")
    #expect(
      lines == [
        Self.created, "by id (True, True, True)", "by reference (True, True, True)",
        "mezzanine ('Uploading', True, True)", "upload 200", "mezzanine ('Normal', True, True)",
        "details ([('Normal', 1234)], ['none'])", "delete 36",
      ])
  }

  @Test func `the vendor's VOD client is refused what the session policy leaves out`() throws {
    let policy =
      #"{"Version":"1","Statement":[{"Effect":"Allow","Action":"vod:CreateUploadVideo","Resource":"*"}]}"#
    let lines = try run(version: "v3", policy: policy)
    #expect(
      lines == [
        Self.created, "by id refused NoPermission", "by reference refused NoPermission",
        "mezzanine refused NoPermission", "upload 200", "mezzanine refused NoPermission",
        "details refused NoPermission", "delete refused NoPermission",
      ])
  }
}
