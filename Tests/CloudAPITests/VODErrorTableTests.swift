import CloudAPI
import Testing

@Suite struct VODErrorTableTests {
  struct Case: Sendable, CustomTestStringConvertible {
    let status: Int
    let code: String
    let kind: VODFailure.Kind
    /// Words that the remedy must contain.
    let remedy: String
    var testDescription: String { "\(status) \(code)" }
  }

  @Test(arguments: [
    Case(status: 400, code: "InvalidFileName.Extension", kind: .permanent, remedy: ".mp4"),
    Case(status: 400, code: "IllegalCharacters", kind: .permanent, remedy: "emoji"),
    Case(status: 400, code: "LengthExceededMax", kind: .permanent, remedy: "shorten"),
    Case(status: 400, code: "TagsExceededMax", kind: .permanent, remedy: "16"),
    Case(status: 404, code: "InvalidTemplateGroupId.NotFound", kind: .permanent, remedy: "template group"),
    Case(status: 404, code: "InvalidWorkflowId.NotFound", kind: .permanent, remedy: "workflow"),
    Case(status: 404, code: "InvalidStorage.NotFound", kind: .permanent, remedy: "storage"),
    Case(status: 404, code: "InvalidAppId.NotFound", kind: .permanent, remedy: "application"),
    Case(status: 404, code: "InvalidCateId.NotFound", kind: .permanent, remedy: "category"),
    Case(status: 404, code: "InvalidVideo.NotFound", kind: .unknownVideo, remedy: "use another journal"),
    Case(status: 404, code: "InvalidVideo.NoneExist", kind: .unknownVideo, remedy: "use another journal"),
    Case(status: 404, code: "InvalidVideoId.NotFound", kind: .unknownVideo, remedy: "use another journal"),
    Case(status: 404, code: "InvalidMedia.NotFound", kind: .unknownVideo, remedy: "use another journal"),
    Case(status: 404, code: "InvalidMediaId.NotFound", kind: .unknownVideo, remedy: "use another journal"),
    Case(status: 404, code: "InvalidReferenceId.NotFound", kind: .unknownVideo, remedy: "use another journal"),
    Case(status: 404, code: "ReferenceId.NotFound", kind: .unknownVideo, remedy: "use another journal"),
    Case(status: 404, code: "MediaNotFound", kind: .unknownVideo, remedy: "use another journal"),
    Case(status: 404, code: "VideoNotFound", kind: .unknownVideo, remedy: "use another journal"),
    Case(status: 404, code: "VideoNotExist", kind: .unknownVideo, remedy: "use another journal"),
    Case(status: 404, code: "EntityNotExist.Video", kind: .unknownVideo, remedy: "use another journal"),
    Case(status: 400, code: "InvalidReferenceId.AlreadyExists", kind: .referenceTaken, remedy: "earlier run"),
    Case(status: 400, code: "InvalidReferenceId.Duplicated", kind: .referenceTaken, remedy: "earlier run"),
    Case(status: 400, code: "InvalidReferenceId", kind: .referenceTaken, remedy: "earlier run"),
    Case(status: 400, code: "ReferenceIdExisted", kind: .referenceTaken, remedy: "earlier run"),
    Case(status: 400, code: "DuplicatedReferenceId", kind: .referenceTaken, remedy: "earlier run"),
    Case(status: 400, code: "Conflict.ReferenceId", kind: .referenceTaken, remedy: "earlier run"),
    Case(status: 400, code: "VideoAlreadyExists", kind: .referenceTaken, remedy: "earlier run"),
    Case(status: 400, code: "MissingReferenceId", kind: .permanent, remedy: "report"),
    Case(status: 403, code: "Forbidden.InitFailed", kind: .permanent, remedy: "console"),
    Case(status: 403, code: "NoPermission", kind: .denied, remedy: "allow this action"),
    Case(status: 403, code: "Forbidden", kind: .denied, remedy: "session policy"),
    Case(status: 403, code: "Forbidden.RAM", kind: .denied, remedy: "session policy"),
    Case(status: 403, code: "InvalidSecurityToken.Expired", kind: .credentialLapsed, remedy: "newer session"),
    Case(status: 400, code: "InvalidSecurityToken.Malformed", kind: .credentialLapsed, remedy: "newer session"),
    Case(status: 404, code: "InvalidAccessKeyId.NotFound", kind: .credentialLapsed, remedy: "newer session"),
    Case(status: 400, code: "InvalidAccessKeyId.Inactive", kind: .credentialLapsed, remedy: "newer session"),
    Case(status: 400, code: "MissingSecurityToken", kind: .permanent, remedy: "report"),
    Case(status: 400, code: "InvalidTimeStamp.Expired", kind: .skew, remedy: "clock"),
    Case(status: 400, code: "InvalidTimeStamp.Format", kind: .permanent, remedy: "report"),
    Case(status: 400, code: "SignatureNonceUsed", kind: .nonceUsed, remedy: "nonce of its own"),
    Case(status: 400, code: "SignatureDoesNotMatch", kind: .permanent, remedy: "proxy"),
    Case(status: 400, code: "IncompleteSignature", kind: .permanent, remedy: "proxy"),
    Case(status: 404, code: "InvalidApi.NotFound", kind: .permanent, remedy: "endpoint"),
    Case(status: 404, code: "InvalidAction.NotFound", kind: .permanent, remedy: "endpoint"),
    Case(status: 400, code: "Throttling.User", kind: .throttled(wait: nil), remedy: "--calls-per-second"),
    Case(status: 400, code: "Throttling.Api", kind: .throttled(wait: nil), remedy: "--calls-per-second"),
    Case(status: 503, code: "AddVideoFailed", kind: .transient, remedy: "support"),
    Case(status: 500, code: "InternalError", kind: .transient, remedy: "support"),
    Case(status: 503, code: "ServiceUnavailable", kind: .transient, remedy: "support"),
    Case(status: 400, code: "InvalidParameter", kind: .permanent, remedy: "sidecar"),
    Case(status: 400, code: "MissingTitle", kind: .permanent, remedy: "report"),
    // Codes without a row of their own.
    Case(status: 400, code: "Unheard.Of", kind: .permanent, remedy: "look the code up"),
    Case(status: 408, code: "Unheard.Of", kind: .transient, remedy: "run again later"),
    Case(status: 429, code: "Unheard.Of", kind: .throttled(wait: nil), remedy: "--calls-per-second"),
    Case(status: 500, code: "Unheard.Of", kind: .transient, remedy: "run again later"),
    Case(status: 302, code: "Unheard.Of", kind: .transient, remedy: "proxies"),
  ])
  func `each code has its class and its remedy`(_ row: Case) throws {
    let body = #"{"RequestId":"5F2C","HostId":"h","Code":"\#(row.code)","Message":"Marked7Secret","Recommend":"r"}"#
    let failure = try #require(self.failure(VODResponse(httpStatus: row.status, retryAfter: nil), body))
    #expect(failure.kind == row.kind)
    #expect(failure.code == row.code)
    #expect(failure.httpStatus == row.status)
    #expect(failure.requestID == "5F2C")
    #expect(failure.remedy.contains(row.remedy), "\(failure.remedy)")
    #expect(!String(reflecting: failure).contains("Marked7Secret"))
  }

  @Test func `a requested wait makes any refusal a throttling`() {
    let response = VODResponse(httpStatus: 403, retryAfter: "1500")
    for body in [#"{"Code":"NoPermission"}"#, "<html>"] {
      #expect(failure(response, body)?.kind == .throttled(wait: .milliseconds(1500)))
    }
    let standard = VODResponse(httpStatus: 429, retryAfter: nil, notBefore: .seconds(7))
    #expect(failure(standard, "<html>")?.kind == .throttled(wait: .seconds(7)))
    #expect(failure(standard, "<html>")?.notBefore == .seconds(7))
    let unavailable = VODResponse(httpStatus: 503, retryAfter: nil, notBefore: .seconds(7))
    #expect(failure(unavailable, "<html>")?.kind == .transient)
  }

  struct Status: Sendable, CustomTestStringConvertible {
    let status: String
    var isFinished = false
    var waitsForFile = false
    var isFinal = false
    var testDescription: String { status }
  }

  @Test(arguments: [
    Status(status: "Normal", isFinished: true), Status(status: "Uploaded", isFinished: true),
    Status(status: "Transcoding", isFinished: true), Status(status: "Uploading", waitsForFile: true),
    Status(status: "UploadFail", waitsForFile: true, isFinal: true), Status(status: "Deleted", isFinal: true),
    Status(status: "Unheard"),
  ])
  func `the state of a stored file is finished, still to come or neither`(_ row: Status) throws {
    let body =
      #"{"RequestId":"5F2C","Mezzanine":{"VideoId":"v1","Status":"\#(row.status)","Size":123,"FileURL":"https://x?Signature=s"}}"#
    let info = try mezzanine(body).get()
    #expect(info == MezzanineInfo(requestID: "5F2C", videoID: "v1", status: row.status, fileSize: 123))
    #expect(info.isFinished == row.isFinished)
    #expect(info.waitsForFile == row.waitsForFile && info.isFinal == row.isFinal)
    #expect(info.isDeleted == (row.status == "Deleted"))
  }

  @Test func `a stored file without size or state`() throws {
    #expect(try mezzanine(#"{"Mezzanine":{"Status":"Normal"}}"#).get() == MezzanineInfo(status: "Normal"))
    #expect(try mezzanine(#"{"Mezzanine":{"Status":"Normal","FileSize":"7"}}"#).get().fileSize == 7)
    for size in ["-1", "\"-1\"", "\"+7\"", "\"-0\"", "\"\"", "7.5", "9223372036854775808", "\"9223372036854775808\""] {
      #expect(try mezzanine(#"{"Mezzanine":{"Status":"Normal","Size":\#(size)}}"#).get().fileSize == nil, "\(size)")
    }
    for body in [#"{"Mezzanine":{}}"#, #"{}"#, #"{"Mezzanine":[]}"#, #"{"Mezzanine":{"Status":7}}"#] {
      guard case .failure(let failure) = mezzanine(body) else {
        Issue.record("\(body) was taken")
        continue
      }
      #expect(failure.kind == .transient)
    }
  }

  @Test func `a call without a result only succeeds or fails`() throws {
    let response = VODResponse(httpStatus: 200, retryAfter: nil)
    #expect(try response.success(from: Array(#"{"RequestId":"5F2C"}"#.utf8).span).get() == "5F2C")
    #expect(try response.success(from: Array(#"{"Code":"OK"}"#.utf8).span).get() == nil)
    #expect(throws: VODFailure.self) { try response.success(from: Array(#"{"Code":"NoPermission"}"#.utf8).span).get() }
    for body in ["<html>", "[]", "true", "\"OK\""] {
      #expect(throws: VODFailure.self, "\(body)") { try response.success(from: Array(body.utf8).span).get() }
    }
  }

  private func failure(_ response: VODResponse, _ body: String) -> VODFailure? {
    if case .failure(let failure) = response.success(from: Array(body.utf8).span) { failure } else { nil }
  }

  private func mezzanine(_ body: String) -> Result<MezzanineInfo, VODFailure> {
    VODResponse(httpStatus: 200, retryAfter: nil).mezzanineInfo(from: Array(body.utf8).span)
  }
}
