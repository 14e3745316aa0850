/// An error in OSS's wording.
struct OSSRefusal: Error, Sendable {
  let status: Int
  let code: String
  let message: String
  /// The number by which the vendor's pages list errors; zeros if it isn't known.
  var ec = "0000-00000000"
  /// Further elements of the answer.
  var details: [(name: String, value: String)] = []

  func with(_ name: String, _ value: String) -> OSSRefusal {
    var copy = self
    copy.details.append((name: name, value: value))
    return copy
  }
}

// Errors about the caller. Codes and messages from "Error responses" and the vendor's pages by EC; status 403 if they name none.
extension OSSRefusal {
  static let anonymous = OSSRefusal(
    status: 403, code: "AccessDenied", message: "Anonymous access is forbidden for this operation.")
  static let authorizationType = OSSRefusal(
    status: 400, code: "InvalidArgument", message: "Unsupported Authorization Type", ec: "0002-00000002")
  static let authorizationForm = OSSRefusal(
    status: 400, code: "InvalidArgument", message: "Authorization header is invalid.")
  static let twoSignatures = OSSRefusal(
    status: 400, code: "InvalidArgument", message: "Both the Authorization header and the query are signed.")
  static let twoTokens = OSSRefusal(
    status: 400, code: "InvalidArgument", message: "The security token is given in both header and query.")
  static let signingRegion = OSSRefusal(
    status: 400, code: "InvalidArgument", message: "Invalid signing region in Authorization header.",
    ec: "0002-00000226")
  static let scope = OSSRefusal(
    status: 400, code: "InvalidArgument", message: "Invalid credential scope in Authorization header.")
  static let payload = OSSRefusal(
    status: 400, code: "InvalidArgument", message: "x-oss-content-sha256 must be UNSIGNED-PAYLOAD.")
  static let payloadHash = OSSRefusal(
    status: 400, code: "InvalidArgument", message: "x-amz-content-sha256 must be UNSIGNED-PAYLOAD or a SHA-256.")
  static let awsChunked = OSSRefusal(
    status: 400, code: "InvalidArgument",
    message: "aws-chunked encoding is not supported with the specified x-amz-content-sha256 value.")
  static let payloadMismatch = OSSRefusal(
    status: 400, code: "XAmzContentSHA256Mismatch",
    message: "The provided 'x-amz-content-sha256' header does not match what was computed.")
  static let additionalHeaders = OSSRefusal(
    status: 400, code: "InvalidArgument", message: "A signed header is missing or repeated.")
  // The service's answer to V1 where it is disabled is (?); its guidelines only say that such requests fail.
  static let v1Closed = OSSRefusal(
    status: 403, code: "AccessDenied", message: "Signature version 1 is not supported. Use signature version 4.")
  static let noDate = OSSRefusal(
    status: 403, code: "AccessDenied", message: "OSS authentication requires a valid Date.")
  static let requestExpired = OSSRefusal(status: 403, code: "AccessDenied", message: "Request has expired.")
  static let expires = OSSRefusal(
    status: 400, code: "InvalidArgument", message: "x-oss-expires must be 1 to 604800 seconds.")
  static let timeSkewed = OSSRefusal(
    status: 403, code: "RequestTimeTooSkewed",
    message: "The difference between the request time and the current time is too large.", ec: "0002-00000504")
  static let unknownKey = OSSRefusal(
    status: 403, code: "InvalidAccessKeyId",
    message: "The OSS Access Key Id you provided does not exist in our records.", ec: "0002-00000902")
  static let invalidToken = OSSRefusal(
    status: 403, code: "InvalidSecurityToken", message: "The security token you provided is invalid.",
    ec: "0002-00000006")
  static let tokenExpired = OSSRefusal(
    status: 403, code: "SecurityTokenExpired", message: "The security token you provided has expired.")
  static let signatureMismatch = OSSRefusal(
    status: 403, code: "SignatureDoesNotMatch",
    message: "The request signature we calculated does not match the signature you provided. Check your key and "
      + "signing method.", ec: "0002-00000040")
  static let noRight = OSSRefusal(
    status: 403, code: "AccessDenied", message: "You have no right to access this object.", ec: "0003-00000001")
}

// Errors about the request.
extension OSSRefusal {
  static let bucketName = OSSRefusal(
    status: 400, code: "InvalidBucketName", message: "The specified bucket is not valid.")
  static let objectName = OSSRefusal(
    status: 400, code: "InvalidObjectName", message: "The specified object is not valid.")
  static let method = OSSRefusal(
    status: 405, code: "MethodNotAllowed", message: "The specified method is not allowed against this resource.")
  static let notImplemented = OSSRefusal(
    status: 501, code: "NotImplemented", message: "This request implies functionality that is not implemented.")
  static let range = OSSRefusal(status: 416, code: "InvalidRange", message: "The requested range cannot be satisfied.")
  static let noSuchKey = OSSRefusal(
    status: 404, code: "NoSuchKey", message: "The specified key does not exist.", ec: "0026-00000001")
  static let objectExists = OSSRefusal(
    status: 409, code: "FileAlreadyExists",
    message: "The object you specified already exists and can not be overwritten.",
    ec: "0026-00000002")
  static let objectExistsAtComplete = OSSRefusal(
    status: 409, code: "FileAlreadyExists",
    message: "The object you specified already exists and can not be overwritten.",
    ec: "0042-00000214")
  static let noSuchUpload = OSSRefusal(
    status: 404, code: "NoSuchUpload",
    message: "The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted "
      + "or completed.", ec: "0042-00000104")
  static let partNumber = OSSRefusal(
    status: 400, code: "InvalidArgument", message: "Part number must be an integer between 1 and 10000, inclusive.")
  static let listing = OSSRefusal(
    status: 400, code: "InvalidArgument", message: "max-parts must be 1 to 1000, part-number-marker a number.")
  static let tooLarge = OSSRefusal(
    status: 400, code: "EntityTooLarge", message: "Your proposed upload exceeds the maximum allowed object size.")
  static let digest = OSSRefusal(
    status: 400, code: "InvalidDigest", message: "The Content-MD5 you specified was invalid.")
  static let malformedXML = OSSRefusal(
    status: 400, code: "MalformedXML",
    message: "The XML you provided was not well-formed or did not validate against our published schema.",
    ec: "0042-00000205")
  static let partOrder = OSSRefusal(
    status: 400, code: "InvalidPartOrder",
    message: "The list of parts was not in ascending order. Parts list must specified in order by part number.",
    ec: "0042-00000209")
  static let part = OSSRefusal(
    status: 400, code: "InvalidPart",
    message: "One or more of the specified parts could not be found or the specified entity tag might not have "
      + "matched the part's entity tag.")
  static let tooSmall = OSSRefusal(
    status: 400, code: "EntityTooSmall",
    message: "Your proposed upload smaller than the minimum allowed size.", ec: "0042-00000213")
  static let internalError = OSSRefusal(
    status: 500, code: "InternalError", message: "Please contact the server administrator, oss@service.aliyun.com.")
  static let busy = OSSRefusal(
    status: 503, code: "ServiceUnavailable", message: "Please reduce your request rate.")

  /// The error with this code; the general one if several have it.
  static func named(_ code: String) -> OSSRefusal? {
    [
      noRight, timeSkewed, unknownKey, invalidToken, tokenExpired, signatureMismatch, noSuchKey, objectExists,
      noSuchUpload, tooLarge, digest, malformedXML, partOrder, part, tooSmall, internalError, busy,
    ].first { $0.code == code }
  }
}
