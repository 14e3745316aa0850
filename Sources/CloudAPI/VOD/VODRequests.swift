// VOD API reference, 2017-03-21; parameters and their spellings by the vendor's alibabacloud-vod20170321 3.12.1.

/// CreateUploadVideo: makes a video and returns where to upload it to, and a credential for that.
package struct CreateUploadVideoRequest {
  package var details: VideoDetails

  package init(_ details: VideoDetails) { self.details = details }

  package func signed(by identity: SigningIdentity, in context: RequestContext) -> SignedRequest {
    SignedRequest(
      action: "CreateUploadVideo", version: APIVersion.vod, query: details.parameters, identity: identity,
      context: context)
  }
}

/// Which video a call is about.
package enum VideoIdentifier: Hashable, Sendable {
  /// By the id that VOD gave it.
  case video(String)
  /// By the id that its uploader gave it.
  case reference(ReferenceID)

  var parameter: (name: String, value: String) {
    switch self {
    case .video(let id): ("VideoId", id)
    case .reference(let id): ("ReferenceId", id.description)
    }
  }
}

/// RefreshUploadVideo: returns a new credential for the same address.
///
/// Never to be called once an upload is complete: it is also how a finished video is overwritten.
package struct RefreshUploadVideoRequest {
  package var video: VideoIdentifier

  package init(_ video: VideoIdentifier) { self.video = video }

  package func signed(by identity: SigningIdentity, in context: RequestContext) -> SignedRequest {
    SignedRequest(
      action: "RefreshUploadVideo", version: APIVersion.vod, query: [video.parameter], identity: identity,
      context: context)
  }
}

/// GetMezzanineInfo: what VOD knows of the uploaded file.
package struct GetMezzanineInfoRequest {
  package var video: VideoIdentifier

  package init(_ video: VideoIdentifier) { self.video = video }

  package func signed(by identity: SigningIdentity, in context: RequestContext) -> SignedRequest {
    SignedRequest(
      action: "GetMezzanineInfo", version: APIVersion.vod, query: [video.parameter], identity: identity,
      context: context)
  }
}

/// DeleteMultipartUpload: removes the parts of an upload that was abandoned.
package struct DeleteMultipartUploadRequest {
  package var videoID: String

  package init(videoID: String) { self.videoID = videoID }

  package func signed(by identity: SigningIdentity, in context: RequestContext) -> SignedRequest {
    SignedRequest(
      action: "DeleteMultipartUpload", version: APIVersion.vod,
      query: [("MediaId", videoID), ("MediaType", "video")], identity: identity, context: context)
  }
}
