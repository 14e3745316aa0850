package import CloudAPI
package import Core
package import Secrets
package import Signing

/// A step of an upload ("Multipart upload" in the vendor's documentation of OSS).
///
/// With `keepsObject` an object of that name isn't overwritten, and the request fails with FileAlreadyExists (`x-oss-forbid-overwrite` of PutObject,
/// InitiateMultipartUpload and CompleteMultipartUpload; EC 0026-00000002 and 0042-00000214). In a bucket with versions the header does nothing.
package enum OSSOperation: Hashable, Sendable {
  /// The whole object in one request, at most 5 GB.
  case put(contentType: String, keepsObject: Bool = false)
  case initiate(contentType: String, keepsObject: Bool = false)
  /// `number` is 1 to 10,000.
  case uploadPart(number: Int, uploadID: String)
  /// Its body is a `CompletionDocument`.
  case complete(uploadID: String, keepsObject: Bool = false)
  /// The parts after the one numbered `after`, at most `limit` (1 to 1000, which is also the service's own limit).
  case listParts(uploadID: String, after: Int? = nil, limit: Int? = nil)
  case abort(uploadID: String)

  fileprivate var method: String {
    switch self {
    case .put, .uploadPart: "PUT"
    case .initiate, .complete: "POST"
    case .listParts: "GET"
    case .abort: "DELETE"
    }
  }

  fileprivate var query: [(name: String, value: String)] {
    switch self {
    case .put: []
    case .initiate: [("uploads", "")]
    case .uploadPart(let number, let id): [("partNumber", String(number)), ("uploadId", id)]
    case .complete(let id, _), .abort(let id): [("uploadId", id)]
    case .listParts(let id, let after, let limit):
      [("uploadId", id)] + (after.map { [("part-number-marker", String($0))] } ?? [])
        + (limit.map { [("max-parts", String($0))] } ?? [])
    }
  }

  fileprivate var contentType: String? {
    switch self {
    case .put(let type, _), .initiate(let type, _): type
    case .uploadPart, .complete, .listParts, .abort: nil
    }
  }

  fileprivate var keepsObject: Bool {
    switch self {
    case .put(_, let keepsObject), .initiate(_, let keepsObject), .complete(_, let keepsObject): keepsObject
    case .uploadPart, .listParts, .abort: false
    }
  }
}

/// A part as OSS has it.
package struct UploadedPart: Hashable, Sendable {
  package let number: Int
  /// As in the header `ETag`, without its quotes.
  package let etag: String

  package init(number: Int, etag: String) {
    self.number = number
    self.etag = etag
  }
}

/// A signed request to OSS, whose body is the caller's; it prints where it goes and no more.
package struct OSSRequest: CustomStringConvertible, CustomReflectable {
  package let method: String
  /// With its port unless that is 443.
  package let host: String
  /// Path and query as they go into the request line.
  package let target: String
  /// `name: value` without the end of line; neither `Host` nor `Content-Length`.
  package let headerLines: [String]
  /// To be sent as `x-oss-security-token`.
  package let securityToken: Secret?

  package var url: String { String(joining: "https://", host, target) }

  /// `date` is the server's time as far as it is known.
  package init(
    _ operation: OSSOperation, at address: UploadAddress, signedBy signer: OSSSigner, date: UTCTime, userAgent: String
  ) {
    var headers = [(name: "User-Agent", value: userAgent)]
    if let type = operation.contentType { headers.append(("Content-Type", type)) }
    if operation.keepsObject { headers.append(("x-oss-forbid-overwrite", "true")) }
    let request = OSSSignature.Request(
      operation.method, bucket: address.bucket, key: address.key, query: operation.query, headers: headers)
    let signed = signer.sign(request, at: date)
    let query = OSSSignature.query(operation.query)
    method = operation.method
    host = address.host
    target = query.isEmpty ? address.path : String(joining: address.path, "?", query)
    headerLines = signed.headerLines
    securityToken = signed.securityToken
  }

  package var description: String { "\(method) https://\(host)" }
  package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

extension OSSSigner {
  package convenience init(_ version: OSSSignature.Version, _ credential: UploadCredential) {
    self.init(version, keyID: credential.accessKeyID, secret: credential.secret, securityToken: credential.token)
  }
}
