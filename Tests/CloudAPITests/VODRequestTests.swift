import CloudAPI
import Core
import TestSupport
import Testing

@Suite struct VODRequestTests {
  static var context: RequestContext {
    RequestContext(
      host: "vod.cn-shanghai.aliyuncs.com", userAgent: "vector-maker/1", date: UTCTime("2026-01-02T03:04:05Z")!,
      nonce: "0123456789abcdef0123456789abcde7")
  }
  static func lines(of request: SignedRequest) -> [String] {
    String(decoding: request.headerLines.bytes, as: UTF8.self).split(separator: "\0").map(String.init)
  }
  static func identity() -> SigningIdentity {
    SigningIdentity(sessionKey: AccessKey(id: "STS.testid", secret: secret("stssecret")), token: secret("CAIS+w=="))
  }

  /// The vector's title contains an emoji, which the service refuses and so do we; everything else is signed the same way.
  @Test func `a session's request has the headers of the official SDK`() throws {
    let vector = try SignatureVector.named("vod-createuploadvideo-security-token")
    let request = try create { _ in }
    let lines = Self.lines(of: request).dropLast()
    let apart = ["Content-Length", "Authorization", "x-acs-security-token"]
    #expect(lines == vector.headers.filter { !apart.contains($0.key) }.map { "\($0.key): \($0.value)" }.sorted()[...])
    #expect(request.method == "POST")
    #expect(request.host == "vod.cn-shanghai.aliyuncs.com")
    #expect(request.securityToken?.text == "CAIS+w==")
    let signed = try #require(vector.authorization.split(separator: ",").first { $0.hasPrefix("SignedHeaders=") })
    #expect(Self.lines(of: request).last?.contains(signed) == true)
  }

  @Test func `only the given parameters are sent`() throws {
    #expect(try create { _ in }.target == "/?FileName=a.mp4&Title=t")
  }

  @Test func `all parameters have the API's names`() throws {
    let request = try create { draft in
      draft.fileName = "目录/a b.mp4"
      draft.fileSize = 0
      draft.description = "two\nlines"
      draft.tags = ["a b", "c+d"]
      draft.coverURL = "https://example.org/a.jpg?x=1"
      draft.userData = #"{"Extend":{"名":"é"}}"#
      draft.categoryID = 17
      draft.templateGroupID = "VOD_NO_TRANSCODE"
      draft.workflowID = "wf1"
      draft.storageLocation = "outin-1.oss-cn-shanghai.aliyuncs.com"
      draft.appID = "app-1000000"
      draft.referenceID = "ref_0-1"
      draft.enableFirstFrameCover = true
      draft.generateThumbnail = false
    }
    #expect(
      request.target
        == "/?AppId=app-1000000&CateId=17&CoverURL=https%3A%2F%2Fexample.org%2Fa.jpg%3Fx%3D1&Description=two%0Alines"
        + "&EnableFirstFrameCover=true&FileName=%E7%9B%AE%E5%BD%95%2Fa%20b.mp4&FileSize=0&GenerateThumbnail=false"
        + "&ReferenceId=ref_0-1&StorageLocation=outin-1.oss-cn-shanghai.aliyuncs.com&Tags=a%20b%2Cc%2Bd"
        + "&TemplateGroupId=VOD_NO_TRANSCODE&Title=t&UserData=%7B%22Extend%22%3A%7B%22%E5%90%8D%22%3A%22%C3%A9%22%7D%7D"
        + "&WorkflowId=wf1")
  }

  @Test func `the other calls name the video by either id`() throws {
    let reference = VideoIdentifier.reference(try #require(ReferenceID("ref_0-1")))
    let requests = [
      (
        RefreshUploadVideoRequest(.video("v1")).signed(by: Self.identity(), in: Self.context), "RefreshUploadVideo",
        "VideoId=v1"
      ),
      (
        RefreshUploadVideoRequest(reference).signed(by: Self.identity(), in: Self.context), "RefreshUploadVideo",
        "ReferenceId=ref_0-1"
      ),
      (
        GetMezzanineInfoRequest(.video("v1")).signed(by: Self.identity(), in: Self.context), "GetMezzanineInfo",
        "VideoId=v1"
      ),
      (
        GetMezzanineInfoRequest(reference).signed(by: Self.identity(), in: Self.context), "GetMezzanineInfo",
        "ReferenceId=ref_0-1"
      ),
      (
        DeleteMultipartUploadRequest(videoID: "v1").signed(by: Self.identity(), in: Self.context),
        "DeleteMultipartUpload", "MediaId=v1&MediaType=video"
      ),
    ]
    for (request, action, query) in requests {
      #expect(request.target == "/?" + query)
      #expect(Self.lines(of: request).contains("x-acs-action: \(action)"))
      #expect(Self.lines(of: request).contains("x-acs-version: 2017-03-21"))
    }
  }

  @Test(arguments: ["abcdef", "A-b_9z", String(repeating: "x", count: 64)])
  func `a ReferenceId has 6 to 64 characters`(_ text: String) {
    #expect(ReferenceID(text)?.description == text)
  }

  @Test(arguments: ["", "abcde", "abc de", "abcdé1", "abc.def", String(repeating: "x", count: 65)])
  func `any other text isn't a ReferenceId`(_ text: String) {
    #expect(ReferenceID(text) == nil)
  }

  private func create(_ change: (inout VideoDetails.Draft) -> Void) throws -> SignedRequest {
    var draft = VideoDetails.Draft(title: "t", fileName: "a.mp4")
    change(&draft)
    return CreateUploadVideoRequest(try VideoDetails(draft)).signed(by: Self.identity(), in: Self.context)
  }
}
