// VOD API reference, 2017-03-21; parameters and their spellings from the vendor's package alibabacloud-vod20170321 3.12.1.

/// CreateUploadVideo: creates a video and returns its upload address and a credential.
package struct CreateUploadVideoRequest {
  package var details: VideoDetails

  package init(_ details: VideoDetails) { self.details = details }

  package func signed(by identity: SigningIdentity, in context: RequestContext) -> SignedRequest {
    SignedRequest(
      action: "CreateUploadVideo", version: APIVersion.vod, query: details.parameters, identity: identity,
      context: context)
  }
}

/// The video that a call is about.
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
/// Must not be called after an upload is complete: it is also the way to overwrite a finished video.
package struct RefreshUploadVideoRequest {
  package var video: VideoIdentifier

  package init(_ video: VideoIdentifier) { self.video = video }

  package func signed(by identity: SigningIdentity, in context: RequestContext) -> SignedRequest {
    SignedRequest(
      action: "RefreshUploadVideo", version: APIVersion.vod, query: [video.parameter], identity: identity,
      context: context)
  }
}

/// GetMezzanineInfo: VOD's information about the uploaded file.
package struct GetMezzanineInfoRequest {
  package var video: VideoIdentifier

  package init(_ video: VideoIdentifier) { self.video = video }

  package func signed(by identity: SigningIdentity, in context: RequestContext) -> SignedRequest {
    SignedRequest(
      action: "GetMezzanineInfo", version: APIVersion.vod, query: [video.parameter], identity: identity,
      context: context)
  }
}

/// DeleteMultipartUpload: removes the parts of an abandoned upload.
package struct DeleteMultipartUploadRequest {
  package var videoID: String

  package init(videoID: String) { self.videoID = videoID }

  package func signed(by identity: SigningIdentity, in context: RequestContext) -> SignedRequest {
    SignedRequest(
      action: "DeleteMultipartUpload", version: APIVersion.vod,
      query: [("MediaId", videoID), ("MediaType", "video")], identity: identity, context: context)
  }
}
