import CloudAPI
import Core
import HTTPClient
import ObjectStorage

/// A call to VOD that waits for its turn or its answer. If it is released, it isn't made, or its answer isn't reported.
final class VODCall {
  private let call: FileUpload.Call
  private let details: VideoDetails
  let completion: (Result<CallAnswer, CallFailure>) -> Void
  /// Ends the transfer that carries it.
  var cancel: (() -> Void)?

  init(
    _ call: FileUpload.Call, _ details: VideoDetails, _ completion: @escaping (Result<CallAnswer, CallFailure>) -> Void
  ) {
    self.call = call
    self.details = details
    self.completion = completion
  }

  deinit { cancel?() }

  /// The name of the call in policies.
  var action: String { "vod:\(call.name)" }

  func signed(by identity: SigningIdentity, in context: RequestContext) -> SignedRequest {
    switch call {
    case .create(let reference):
      CreateUploadVideoRequest(details.named(reference)).signed(by: identity, in: context)
    case .find(let reference):
      RefreshUploadVideoRequest(.reference(reference)).signed(by: identity, in: context)
    case .refresh(let videoID): RefreshUploadVideoRequest(.video(videoID)).signed(by: identity, in: context)
    case .mezzanine(let videoID): GetMezzanineInfoRequest(.video(videoID)).signed(by: identity, in: context)
    case .removeParts(let videoID): DeleteMultipartUploadRequest(videoID: videoID).signed(by: identity, in: context)
    }
  }

  func read(
    _ response: VODResponse, _ body: Span<UInt8>, serverTime: UTCTime, now: Timestamp
  ) -> Result<CallAnswer, VODFailure> {
    switch call {
    case .mezzanine: return response.mezzanineInfo(from: body).map { .mezzanine($0) }
    case .removeParts: return response.success(from: body).map { _ in .partsRemoved }
    case .create, .find, .refresh: break
    }
    return response.uploadGrant(from: body, now: serverTime).map { content in
      let life = Duration.seconds(content.credential.expires.seconds - serverTime.seconds)
      return .grant(FileUpload.Grant(content, issued: now, lapses: now + life))
    }
  }
}

extension VODResponse {
  /// `now` is the time from which a date in `Retry-After` is counted if the answer has no `Date`.
  init(_ answer: HTTPAnswer, now: UTCTime) {
    let notBefore = answer.standardRetryAfter.flatMap {
      RetryAfter.wait($0, saidAt: answer.date.flatMap { UTCTime(httpDate: $0) } ?? now)
    }
    self.init(httpStatus: answer.status, retryAfter: answer.retryAfter, notBefore: notBefore)
  }
}
