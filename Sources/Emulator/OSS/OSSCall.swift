/// A request to OSS, with its head parsed as far as that is possible without knowing the caller.
struct OSSCall: Sendable {
  /// Parameters that don't affect the choice of the operation.
  private static let besides: Set<String> = [
    "security-token", "OSSAccessKeyId", "Expires", "Signature", "encoding-type", "max-parts", "part-number-marker",
    "sequential", "objectMeta", "x-id",
  ]

  let request: Request
  let parameters: Parameters
  /// Nil for an unknown operation.
  let operation: OSSOperation?
  /// Its key is empty for a request to a bucket.
  let object: ObjectName
  /// Nil without `partNumber`; 0 for text that isn't a number.
  let partNumber: Int?
  let uploadID: String?
  /// Nil if the body is chunked.
  let length: Int?
  /// The decoded path, as it is signed: `/BUCKET/KEY`.
  var resource: String { "/\(object.bucket)/\(object.key)" }

  /// Throws only for a bad address; other errors are found later.
  init(_ request: Request) throws(OSSRefusal) {
    guard let parameters = Parameters(decoding: request.query.utf8),
      let path = TextCoding.percentDecoded(request.path.utf8)
    else { throw .objectName }
    self.request = request
    self.parameters = parameters
    object = try Self.object(at: path, host: request.header("host") ?? "")
    let names = parameters.pairs.map(\.name).filter { name in
      !["x-oss-", "X-Amz-"].contains { name.hasPrefix($0) } && !Self.besides.contains(name)
    }
    let isCopy = ["x-oss-copy-source", "x-amz-copy-source"].contains { request.header($0) != nil }
    if isCopy {
      operation = nil
    } else if object.key.isEmpty {
      operation = OSSOperation(method: request.method, bucketParameters: Set(names))
    } else {
      operation = OSSOperation(method: request.method, parameters: Set(names))
    }
    partNumber = parameters["partNumber"].map { Int($0) ?? 0 }
    uploadID = parameters["uploadId"]
    length =
      request.header("content-length").flatMap { Int($0) } ?? (request.header("transfer-encoding") == nil ? 0 : nil)
  }

  /// Path style if the host is an IP address or localhost, otherwise the bucket is the first label of the host's name.
  private static func object(at path: String, host: String) throws(OSSRefusal) -> ObjectName {
    guard path.utf8.first == UInt8(ascii: "/") else { throw .objectName }
    let path = path.utf8.dropFirst()
    let name = host.utf8.prefix { $0 != UInt8(ascii: ":") }
    let isAddress = name.allSatisfy { RoleReference.isDigit($0) || $0 == UInt8(ascii: ".") }
    let object: ObjectName
    if isAddress || host.hasPrefix("[") || name.elementsEqual("localhost".utf8) {
      let bucket = path.prefix { $0 != UInt8(ascii: "/") }
      object = ObjectName(bucket: String(Substring(bucket)), key: String(Substring(path.dropFirst(bucket.count + 1))))
    } else {
      let bucket = name.prefix { $0 != UInt8(ascii: ".") }
      object = ObjectName(bucket: String(Substring(bucket)), key: String(Substring(path)))
    }
    guard object.hasValidBucket else { throw .bucketName }
    guard object.key.isEmpty || object.hasValidKey else { throw .objectName }
    return object
  }
}
