import ObjectStorage

// Bodies as text.
extension OSSResponse {
  func uploadID(from body: String) -> Result<String, OSSFailure> { uploadID(from: Array(body.utf8).span) }
  func stored(from body: String) -> Result<StoredObject, OSSFailure> { stored(from: Array(body.utf8).span) }
  func completed(from body: String) -> Result<StoredObject, OSSFailure> { completed(from: Array(body.utf8).span) }
  func parts(from body: String) -> Result<PartPage, OSSFailure> { parts(from: Array(body.utf8).span) }
  func aborted(from body: String) -> Result<Void, OSSFailure> { aborted(from: Array(body.utf8).span) }
}
