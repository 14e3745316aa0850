package import Core
package import Secrets

/// One result of CreateUploadVideo or RefreshUploadVideo.
package struct UploadGrant {
  /// Nil if the answer has none.
  package let requestID: String?
  package let videoID: String
  package let address: UploadAddress
  package let credential: UploadCredential

  package init(requestID: String?, videoID: String, address: UploadAddress, credential: UploadCredential) {
    self.requestID = requestID
    self.videoID = videoID
    self.address = address
    self.credential = credential
  }
}

/// The one object that a video is uploaded to.
package struct UploadAddress: Hashable, Sendable {
  package let bucket: String
  /// The host of the bucket's region, without a scheme: `oss-cn-shanghai.aliyuncs.com`, with its port unless that is 443.
  package let endpoint: String
  /// Not encoded.
  package let key: String

  /// Nil for parts that can't be such an address (`UploadAddress+Checks`).
  package init?(bucket: String, endpoint: String, key: String) {
    guard Self.isBucket(bucket), Self.isHost(endpoint), Self.isKey(key) else { return nil }
    self.bucket = bucket
    self.endpoint = endpoint
    self.key = key
  }

  /// The region in the endpoint's name, `oss-REGION.aliyuncs.com` or `oss-REGION-internal.aliyuncs.com`; nil for other names.
  package var region: String? { Self.region(ofEndpoint: endpoint) }
}

/// A credential for one object, for about 3,000 s.
package struct UploadCredential {
  /// Names the credential in logs and isn't secret.
  package let accessKeyID: String
  package let secret: Secret
  package let token: Secret
  /// By the server's clock.
  package let expires: UTCTime
  /// The region in UploadAuth; nil if it has none. `UploadAddress.region` is tried next.
  package let region: String?

  package init(accessKeyID: String, secret: Secret, token: Secret, expires: UTCTime, region: String?) {
    self.accessKeyID = accessKeyID
    self.secret = secret
    self.token = token
    self.expires = expires
    self.region = region
  }
}

/// The answer of GetMezzanineInfo about the uploaded file.
package struct MezzanineInfo: Hashable, Sendable {
  /// Nil if the answer has none.
  package let requestID: String?
  package let videoID: String?
  /// `Uploading`, `Normal`, `UploadFail`, `Deleted`, or another.
  package let status: String
  /// In bytes; nil if the answer has none.
  package let fileSize: Int64?

  package init(requestID: String? = nil, videoID: String? = nil, status: String, fileSize: Int64? = nil) {
    self.requestID = requestID
    self.videoID = videoID
    self.status = status
    self.fileSize = fileSize
  }
}
