import Laboratory
import TestNeeds
import TestSupport
import Testing

/// The vendor's own VOD and OSS packages with a role's session from the daemon.
@Suite(.serialized, .needs(.witnesses)) struct UploadWitnessTests {
  /// Prints how each object was sent, and its place.
  private static let script = """
    import base64, json, os, sys
    from alibabacloud_credentials.client import Client as Credentials
    from alibabacloud_tea_openapi.models import Config
    from alibabacloud_vod20170321.client import Client as VOD
    from alibabacloud_vod20170321.models import CreateUploadVideoRequest

    package, endpoint, ca, path = sys.argv[1:]
    vod = VOD(Config(credential=Credentials(), endpoint=endpoint, protocol="https", ca=ca, region_id="cn-shanghai"))
    def read(text): return json.loads(base64.b64decode(text))
    def create(title):
        body = vod.create_upload_video(CreateUploadVideoRequest(
            title=title, file_name="film.mp4", file_size=os.path.getsize(path))).body
        return read(body.upload_address), read(body.upload_auth)

    def oss2(how, address, auth):
        import oss2
        from oss2.credentials import StaticCredentialsProvider
        provider = StaticCredentialsProvider(auth["AccessKeyId"], auth["AccessKeySecret"], auth["SecurityToken"])
        bucket = oss2.Bucket(
            oss2.ProviderAuthV4(provider), address["Endpoint"], address["Bucket"], region=auth["Region"])
        key = address["FileName"]
        if how == "put": return bucket.put_object_from_file(key, path)
        # Its resumable_upload lists parts, which VOD's credential may not be allowed to (?).
        upload, parts = bucket.init_multipart_upload(key).upload_id, []
        with open(path, "rb") as file:
            while data := file.read(102400):
                number = len(parts) + 1
                parts.append(oss2.models.PartInfo(number, bucket.upload_part(key, upload, number, data).etag))
        bucket.complete_multipart_upload(key, upload, parts)

    def alibabacloud_oss_v2(how, address, auth):
        import alibabacloud_oss_v2 as oss
        config = oss.config.load_default()
        config.credentials_provider = oss.credentials.StaticCredentialsProvider(
            auth["AccessKeyId"], auth["AccessKeySecret"], auth["SecurityToken"])
        config.region, config.endpoint = auth["Region"], address["Endpoint"]
        client = oss.Client(config)
        request = oss.PutObjectRequest(bucket=address["Bucket"], key=address["FileName"])
        if how == "put": return client.put_object_from_file(request, path)
        client.uploader().upload_file(request, path, part_size=102400, parallel_num=1)

    for how in "put", "parts":
        address, auth = create(how)
        globals()[package](how, address, auth)
        print(how, address["Bucket"] + "/" + address["FileName"])
    """

  /// oss2 2.19.1, and alibabacloud-oss-v2 1.4.1.
  @Test(arguments: ["oss2", "alibabacloud_oss_v2"])
  func `with the daemon's session the vendor's packages make a video and upload its file, whole and in parts`(
    package: String
  ) throws {
    let lab = try UploadLab()
    let path = try lab.addVideo("one.mp4", size: 700_001)
    var environment = try WitnessPython.environment(withSessionOf: "uploader", from: lab.lab)
    environment["REQUESTS_CA_BUNDLE"] = lab.emulator.authorityPath
    let output = try WitnessPython.run(
      Self.script, [package, lab.emulator.endpoint, lab.emulator.authorityPath, path], environment: environment)
    let lines = output.split(separator: "\n").map { $0.split(separator: " ") }
    #expect(lines.map(\.first) == ["put", "parts"], "\(output)")
    for line in lines where line.count == 2 {
      #expect(RandomFile.areEqual(path, lab.directory.path("objects/\(line[1])")), "\(line)")
    }
    #expect(try lab.emulator.videos().map(\.title) == ["put", "parts"])
    #expect(try lab.emulator.signers(of: "CreateUploadVideo") == [lab.lab.credential("uploader").keyID])
    let parts = Array(repeating: "UploadPart OK", count: 7)
    #expect(
      try lab.emulator.callsToOSS()
        == ["PutObject OK", "InitiateMultipartUpload OK"] + parts + ["CompleteMultipartUpload OK"])
  }
}
