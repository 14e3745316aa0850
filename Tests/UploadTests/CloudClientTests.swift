import CloudAPI
import Core
import TestSupport
import Testing

@testable import Upload

@Suite struct CloudClientTests {
  struct Case: Sendable, CustomTestStringConvertible {
    var auth: String?
    var endpoint = "oss-accelerate.aliyuncs.com"
    var given: String?
    let region: String?
    var testDescription: String { "\(auth ?? "-"), \(endpoint), \(given ?? "-")" }
  }

  @Test(arguments: [
    Case(auth: "cn-a", endpoint: "oss-cn-b.aliyuncs.com", given: "cn-c", region: "cn-a"),
    Case(auth: "cn-a", endpoint: "oss-cn-b.aliyuncs.com", region: "cn-a"),
    Case(auth: "cn-a", given: "cn-c", region: "cn-a"),
    Case(auth: "cn-a", region: "cn-a"),
    Case(endpoint: "oss-cn-b.aliyuncs.com", given: "cn-c", region: "cn-b"),
    Case(endpoint: "oss-cn-b-internal.aliyuncs.com", given: "cn-c", region: "cn-b"),
    Case(endpoint: "oss-cn-b.aliyuncs.com", region: "cn-b"),
    Case(given: "cn-c", region: "cn-c"),
    Case(endpoint: "127.0.0.1:8443", given: "cn-c", region: "cn-c"),
    Case(region: nil),
  ])
  func `the bucket's region is that of UploadAuth, else of the endpoint, else of --region`(_ row: Case) throws {
    let address = try #require(UploadAddress(bucket: "outin-0001", endpoint: row.endpoint, key: "k.mp4"))
    let credential = UploadCredential(
      accessKeyID: "STS.1", secret: secret("s"), token: secret("t"), expires: UTCTime(seconds: 0), region: row.auth)
    let grant = UploadGrant(requestID: nil, videoID: "video", address: address, credential: credential)
    #expect(CloudClient.region(of: grant, orElse: row.given) == row.region)
  }
}
