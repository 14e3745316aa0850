import CloudAPI
import Core
import ObjectStorage
import Signing
import TestSupport
import Testing

@Suite struct OSSRequestTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let name: String
    let operation: OSSOperation
    let method: String
    /// Behind the path.
    let query: String
    var contentType: String?
    let v4: String
    let v1: String
    var testDescription: String { name }
  }

  /// By oss2 2.19.1, with upload id `U1/+ 9` and the key and credential below. It writes `uploads=`, and the blank as `+`.
  static let cases = [
    Case(
      name: "initiate", operation: .initiate(contentType: "video/mp4"), method: "POST", query: "?uploads",
      contentType: "video/mp4", v4: "bbc77e5a4e4a2990556147b0d6a91d38ff946de1cf923a03ffc84e0d91c34278",
      v1: "fpzVwRd/5rs4ajJIPJAArxxQj+k="),
    Case(
      name: "part", operation: .uploadPart(number: 3, uploadID: "U1/+ 9"), method: "PUT",
      query: "?partNumber=3&uploadId=U1%2F%2B%209",
      v4: "c806bd423e4b0f53f04d6445b3aa0c278847a01113f3508d51b32b181ec81b4f", v1: "iYc+r+VG8GfZ5Qw5CwjT2Lh3vO0="),
    Case(
      name: "complete", operation: .complete(uploadID: "U1/+ 9"), method: "POST", query: "?uploadId=U1%2F%2B%209",
      v4: "81698456216b5a4a1be8f6485d0c59031454bccbfea6d54d36c90d89ccef679e", v1: "0O7+DYRJsBLohOmuyTBDPhX76LA="),
    Case(
      name: "list", operation: .listParts(uploadID: "U1/+ 9", after: 7, limit: 100), method: "GET",
      query: "?max-parts=100&part-number-marker=7&uploadId=U1%2F%2B%209",
      v4: "b05ae06cffb03597f4627844a6fb7ccc5a723fb188e4dfc0c8a21cef37865d65", v1: "jpidp4PVWN0gyM25gz0m/XJ1x5M="),
    Case(
      name: "abort", operation: .abort(uploadID: "U1/+ 9"), method: "DELETE", query: "?uploadId=U1%2F%2B%209",
      v4: "28e61f123b2513e55c63e54a33ed54ad6afd4e0bfde4eb4309bb8bc3d5dfdc2c", v1: "EjpdN4JFYKcAHFyX4MszQdBIHG4="),
  ]

  static let date = UTCTime("2026-01-02T03:04:05Z")!
  static let address = UploadAddress(
    bucket: "outin-0001", endpoint: "oss-cn-shanghai.aliyuncs.com", key: "sv/目录/a b+c~d.mp4")!

  static func signer(_ version: OSSSignature.Version) -> OSSSigner {
    OSSSigner(
      version,
      UploadCredential(
        accessKeyID: "STS.testid", secret: secret("stssecret"), token: secret("CAIS+made/up=token=="), expires: date,
        region: nil))
  }

  @Test(arguments: cases)
  func `each step is signed as oss2 signs it`(_ row: Case) {
    let credential = "STS.testid/20260102/cn-shanghai/oss/aliyun_v4_request"
    let authorizations: [(OSSSignature.Version, [String])] = [
      (
        .v4(region: "cn-shanghai"),
        [
          "x-oss-content-sha256: UNSIGNED-PAYLOAD", "x-oss-date: 20260102T030405Z",
          "Authorization: OSS4-HMAC-SHA256 Credential=\(credential), Signature=\(row.v4)",
        ]
      ),
      (.v1, ["Date: Fri, 02 Jan 2026 03:04:05 GMT", "Authorization: OSS STS.testid:\(row.v1)"]),
    ]
    for (version, lines) in authorizations {
      let request = OSSRequest(
        row.operation, at: Self.address, signedBy: Self.signer(version), date: Self.date, userAgent: "test/1")
      #expect(request.method == row.method)
      #expect(request.host == "outin-0001.oss-cn-shanghai.aliyuncs.com")
      #expect(request.target == "/sv%2F%E7%9B%AE%E5%BD%95%2Fa%20b%2Bc~d.mp4" + row.query)
      let own = ["User-Agent: test/1"] + (row.contentType.map { ["Content-Type: \($0)"] } ?? [])
      #expect(request.headerLines == own + lines)
      #expect(request.securityToken?.text == "CAIS+made/up=token==")
    }
  }

  @Test(arguments: try OSSVector.all(.v4))
  func `a put goes where oss2 sends it`(_ vector: OSSVector) throws {
    let address = try #require(
      UploadAddress(bucket: vector.bucket, endpoint: "oss-cn-shanghai.aliyuncs.com", key: vector.key))
    let request = OSSRequest(
      .put(contentType: "video/mp4"), at: address, signedBy: Self.signer(.v4(region: "cn-shanghai")), date: Self.date,
      userAgent: "test/1")
    #expect(request.method == "PUT")
    #expect(request.url == "https://\(vector.host)\(vector.target)")
  }

  @Test(arguments: [
    ("oss-cn-shanghai.aliyuncs.com", "outin-0001.oss-cn-shanghai.aliyuncs.com", "/k.mp4"),
    // Within Alibaba Cloud's network, too, TLS stays.
    ("oss-cn-beijing-internal.aliyuncs.com", "outin-0001.oss-cn-beijing-internal.aliyuncs.com", "/k.mp4"),
    ("127.0.0.1:8443", "127.0.0.1:8443", "/outin-0001/k.mp4"),
    ("127.0.0.1", "127.0.0.1", "/outin-0001/k.mp4"),
    ("[::1]:8443", "[::1]:8443", "/outin-0001/k.mp4"),
    ("localhost:8443", "outin-0001.localhost:8443", "/k.mp4"),
    ("1.2.3.example", "outin-0001.1.2.3.example", "/k.mp4"),
  ])
  func `the bucket is part of the host unless that is an address`(_ endpoint: String, _ host: String, _ path: String)
    throws
  {
    let address = try #require(UploadAddress(bucket: "outin-0001", endpoint: endpoint, key: "k.mp4"))
    let request = OSSRequest(
      .put(contentType: "video/mp4"), at: address, signedBy: Self.signer(.v1), date: Self.date, userAgent: "test/1")
    #expect(request.host == host)
    #expect(request.target == path)
    #expect(request.url == "https://\(host)\(path)")
  }

  @Test func `what isn't to overwrite an object says so in a header that is signed`() {
    let lines = [false, true].map { keepsObject in
      [
        OSSOperation.put(contentType: "video/mp4", keepsObject: keepsObject),
        .initiate(contentType: "video/mp4", keepsObject: keepsObject),
        .complete(uploadID: "U1", keepsObject: keepsObject),
      ].map { operation in
        OSSRequest(
          operation, at: Self.address, signedBy: Self.signer(.v4(region: "cn-shanghai")), date: Self.date,
          userAgent: "test/1"
        ).headerLines
      }
    }
    for (usual, keeping) in zip(lines[0], lines[1]) {
      #expect(keeping.contains("x-oss-forbid-overwrite: true") && !usual.contains { $0.contains("overwrite") })
      // With the signature.
      #expect(usual.last != keeping.last)
    }
  }

  @Test func `a request prints where it goes, not its signature`() {
    let request = OSSRequest(
      .put(contentType: "video/mp4"), at: Self.address, signedBy: Self.signer(.v4(region: "cn-shanghai")),
      date: Self.date, userAgent: "test/1")
    var dumped = ""
    dump(request, to: &dumped)
    for text in ["\(request)", String(reflecting: request), dumped] { #expect(!text.contains("Signature")) }
    #expect("\(request)" == "PUT https://outin-0001.oss-cn-shanghai.aliyuncs.com")
  }

  @Test(arguments: [
    ("a.mp4", "video/mp4"), ("A.MP4", "video/mp4"), ("d.x/a.mov", "video/quicktime"), ("a.mp3", "audio/mpeg"),
    ("a.m3u8", "application/vnd.apple.mpegurl"), ("a.dat", "application/octet-stream"),
    ("mp4", "application/octet-stream"), (".mp4", "application/octet-stream"), ("", "application/octet-stream"),
  ])
  func `the content type is that of the extension`(_ name: String, _ type: String) {
    #expect(ContentType.of(fileName: name) == type)
  }
}
