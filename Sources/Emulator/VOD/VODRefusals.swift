// Errors of the VOD operations (CreateUploadVideo, RefreshUploadVideo, DeleteMultipartUpload in the vendor's API reference).
extension Refusal {
  static let fileExtension = Refusal(
    status: 400, code: "InvalidFileName.Extension", message: "The specified FileName's extension is illegal.")

  static func illegalCharacters(in parameter: String) -> Refusal {
    Refusal(
      status: 400, code: "IllegalCharacters",
      message: "The specified \(parameter) contains illegal emoticon or special characters.")
  }

  static func tooLong(_ parameter: String, limit: Int) -> Refusal {
    Refusal(
      status: 400, code: "LengthExceededMax",
      message: "The specified \(parameter) length has exceeded \(limit) bytes.")
  }

  static let tooManyTags = Refusal(
    status: 400, code: "TagsExceededMax", message: "The specified Tags count has exceeded 16.")

  static let noSuchTemplateGroup = Refusal(
    status: 404, code: "InvalidTemplateGroupId.NotFound", message: "The TemplateGroupId does not exist.")

  static let noSuchStorage = Refusal(
    status: 404, code: "InvalidStorage.NotFound", message: "The StorageLocation does not exist.")

  static let initFailed = Refusal(
    status: 403, code: "Forbidden.InitFailed",
    message: "Initialization of your account has failed while opening service.")

  static let addVideoFailed = Refusal(
    status: 503, code: "AddVideoFailed", message: "Adding video has failed due to some unknown error.")

  static let noSuchVideo = Refusal(
    status: 404, code: "InvalidVideo.NotFound", message: "The video does not exist.")

  // DeleteMultipartUpload's page has a different status.
  static let noSuchVideoToDelete = Refusal(status: 400, code: noSuchVideo.code, message: noSuchVideo.message)

  static let mediaType = Refusal(
    status: 400, code: "InvalidParameter", message: "The specified parameter \"MediaType\" is invalid.")

  // Code and message are a guess: no page documents the answer for a ReferenceId that is in use.
  static let repeatedReference = Refusal(
    status: 400, code: "InvalidReferenceId.Duplicate", message: "The specified ReferenceId already exists.")

  // Like VideoListExceededMax of GetVideoInfos, which also takes 20 ids; the code is a guess.
  static let tooManyMedia = Refusal(
    status: 400, code: "MediaListExceededMax", message: "The media list exceeded maximum.")

  static func notAuthorized(code: String) -> Refusal {
    Refusal(status: notAuthorized.status, code: code, message: notAuthorized.message)
  }

  /// The gateway's wording for services other than STS.
  static let vodInternalError = Refusal(
    status: 500, code: "InternalError", message: "The request has failed due to a temporary failure of the server.")

  /// The error with that code in VOD's wording; nil for a code that isn't VOD's own.
  static func ofVOD(_ code: String) -> Refusal? {
    [
      fileExtension, tooManyTags, noSuchTemplateGroup, noSuchStorage, initFailed, addVideoFailed, noSuchVideo,
      repeatedReference,
    ].first { $0.code == code }
  }
}
