/// The supported operations, by name.
enum VODOperation: String, Sendable, CaseIterable {
  case createUploadVideo = "CreateUploadVideo"
  case refreshUploadVideo = "RefreshUploadVideo"
  case getMezzanineInfo = "GetMezzanineInfo"
  case getUploadDetails = "GetUploadDetails"
  case deleteMultipartUpload = "DeleteMultipartUpload"
}
