/// The operations of the emulated OSS, with the names of the vendor's API reference.
package enum OSSOperation: String, Sendable, CaseIterable {
  case putObject = "PutObject"
  case getObject = "GetObject"
  case headObject = "HeadObject"
  case initiateMultipartUpload = "InitiateMultipartUpload"
  case uploadPart = "UploadPart"
  case completeMultipartUpload = "CompleteMultipartUpload"
  case listParts = "ListParts"
  case abortMultipartUpload = "AbortMultipartUpload"
  case deleteObject = "DeleteObject"
  case listObjects = "ListObjects"
  case listObjectsV2 = "ListObjectsV2"
  case getBucketLocation = "GetBucketLocation"
  case headBucket = "HeadBucket"
  case putBucket = "PutBucket"

  /// Determined by the method and the relevant parameters; nil for anything else.
  init?(method: String, parameters: Set<String>) {
    switch (method, parameters) {
    case ("PUT", []): self = .putObject
    case ("GET", []): self = .getObject
    case ("HEAD", []): self = .headObject
    case ("POST", ["uploads"]): self = .initiateMultipartUpload
    case ("PUT", ["partNumber", "uploadId"]): self = .uploadPart
    case ("POST", ["uploadId"]): self = .completeMultipartUpload
    case ("GET", ["uploadId"]): self = .listParts
    case ("DELETE", ["uploadId"]): self = .abortMultipartUpload
    case ("DELETE", []): self = .deleteObject
    default: return nil
    }
  }

  /// The same for a request to a bucket, whose other parameters choose what a list has.
  init?(method: String, bucketParameters: Set<String>) {
    let besides: Set<String> = [
      "prefix", "delimiter", "max-keys", "marker", "continuation-token", "start-after", "fetch-owner",
    ]
    switch (method, bucketParameters.subtracting(besides)) {
    case ("GET", []): self = .listObjects
    case ("GET", ["list-type"]): self = .listObjectsV2
    case ("GET", ["location"]): self = .getBucketLocation
    case ("HEAD", []): self = .headBucket
    case ("PUT", []): self = .putBucket
    default: return nil
    }
  }
}
