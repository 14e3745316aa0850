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
    default: return nil
    }
  }
}
