import Glibc
import TestNeeds
import TestSupport
import Testing

/// The vendor's own OSS packages against the emulator: put, an upload in parts that is broken off and resumed, signed URLs.
@Suite(.serialized, .needs(.witnesses)) struct OSSWitnessTests {
  private static let oss2 = """
    import os, sys, oss2, requests
    from oss2.credentials import StaticCredentialsProvider
    endpoint, key, secret, token, name, version, directory = sys.argv[1:]
    provider = StaticCredentialsProvider(key, secret, token)
    auth = oss2.ProviderAuth(provider) if version == "v1" else oss2.ProviderAuthV4(provider)
    bucket = oss2.Bucket(auth, endpoint, "outin-1", region="cn-shanghai")
    path = os.path.join(directory, "source")
    def renew():
        with open(path, "wb") as file: file.write(os.urandom(700_001))
    def check(what):
        same = bucket.get_object(name).read() == open(path, "rb").read()
        print(what, same, bucket.head_object(name).content_length)
    class Stop(Exception): pass
    def stop(done, total):
        if done >= 204800: raise Stop
    renew(); bucket.put_object_from_file(name, path); check("put")
    renew()
    upload = dict(store=oss2.ResumableStore(root=directory), multipart_threshold=102400, part_size=102400, num_threads=1)
    try: oss2.resumable_upload(bucket, name, path, progress_callback=stop, **upload)
    except Stop: print("stopped")
    oss2.resumable_upload(bucket, name, path, **upload); check("resumed")
    renew(); requests.put(bucket.sign_url("PUT", name, 60, slash_safe=True), data=open(path, "rb").read()); check("url")
    try: bucket.complete_multipart_upload(name, "nothing", [oss2.models.PartInfo(1, "x")])
    except oss2.exceptions.OssError as error: print("refused", error.status, error.code, error.ec)
    """

  private static let ossV2 = """
    import os, sys, requests
    import alibabacloud_oss_v2 as oss
    endpoint, key, secret, token, name, version, directory = sys.argv[1:]
    config = oss.config.load_default()
    config.credentials_provider = oss.credentials.StaticCredentialsProvider(key, secret, token)
    config.region, config.endpoint, config.signature_version = "cn-shanghai", endpoint, version
    client = oss.Client(config)
    path = os.path.join(directory, "source")
    where = dict(bucket="outin-1", key=name)
    def renew():
        with open(path, "wb") as file: file.write(os.urandom(700_001))
    def check(what):
        same = client.get_object(oss.GetObjectRequest(**where)).body.read() == open(path, "rb").read()
        print(what, same, client.head_object(oss.HeadObjectRequest(**where)).content_length)
    class Stop(Exception): pass
    def stop(size, done, total):
        if done >= 204800: raise Stop
    renew(); client.put_object_from_file(oss.PutObjectRequest(**where), path); check("put")
    renew()
    upload = dict(part_size=102400, parallel_num=1, enable_checkpoint=True, checkpoint_dir=directory)
    try: client.uploader().upload_file(oss.PutObjectRequest(progress_fn=stop, **where), path, **upload)
    except Stop: print("stopped")
    client.uploader().upload_file(oss.PutObjectRequest(**where), path, **upload); check("resumed")
    renew(); url = client.presign(oss.PutObjectRequest(**where))
    requests.put(url.url, data=open(path, "rb").read(), headers=url.signed_headers); check("url")
    try: client.complete_multipart_upload(oss.CompleteMultipartUploadRequest(upload_id="nothing", **where,
      complete_multipart_upload=oss.CompleteMultipartUpload(parts=[oss.UploadPart(part_number=1, etag="x")])))
    except oss.exceptions.OperationError as error:
        error = error.unwrap(); print("refused", error.status_code, error.code, error.ec)
    """

  struct Case: Sendable, CustomTestStringConvertible {
    let package: String
    let script: String
    let version: String

    var testDescription: String { "\(package) with \(version)" }
  }

  @Test(arguments: [
    Case(package: "oss2 2.19.1", script: oss2, version: "v4"),
    Case(package: "oss2 2.19.1", script: oss2, version: "v1"),
    Case(package: "alibabacloud-oss-v2 1.4.1", script: ossV2, version: "v4"),
    Case(package: "alibabacloud-oss-v2 1.4.1", script: ossV2, version: "v1"),
  ])
  func `the vendor's packages put, resume and sign URLs`(_ row: Case) throws {
    let directory = try TemporaryDirectory()
    let emulator = try EmulatorProcess(
      realm: "[oss]\nallow_v1 = true\nallow_list_parts = true\n", in: directory, objects: directory.path("objects"))
    let grant = try emulator.grant(bucket: "outin-1", key: "sv/%E7%9B%AE/a%20b%2Bc.mp4")
    mkdir(directory.path("work"), 0o700)
    let run = try ChildProcess.run(
      [
        String(cString: getenv("WITNESS_PYTHON")), "-c", row.script, grant.endpoint, grant.keyID, grant.secret,
        grant.token, "sv/目/a b+c.mp4", row.version, directory.path("work"),
      ],
      environment: [
        "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "REQUESTS_CA_BUNDLE": emulator.authorityPath, "LANG": "C.UTF-8",
      ])
    #expect(
      run.output == """
        put True 700001
        stopped
        resumed True 700001
        url True 700001
        refused 404 NoSuchUpload 0042-00000104

        """, "\(run.errors)")
    let parts = try emulator.callsToOSS().filter { $0.hasPrefix("UploadPart") }
    #expect(parts == Array(repeating: "UploadPart OK", count: 7), "none is sent twice")
    #expect(try emulator.object(bucket: "outin-1", key: "sv/%E7%9B%AE/a%20b%2Bc.mp4")?.writes == 3)
  }
}
