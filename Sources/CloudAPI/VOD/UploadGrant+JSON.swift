internal import Core
internal import JSON
internal import Secrets

/// UploadAddress and UploadAuth are each base64 of a JSON object. Their members are from "Upload URLs and credentials" in the
/// vendor's documentation; ExpireUTCTime and Region as public clients have seen them. Unknown members are ignored.
extension UploadGrant {
  init(_ root: borrowing JSONValue, now: UTCTime) throws(AnswerFault) {
    let videoID = try root.text("VideoId")
    guard videoID == videoID.printable(most: 64) else { throw .malformed("VideoId") }
    var address: UploadAddress?
    try root.encoded("UploadAddress") { (member) throws(AnswerFault) in address = try UploadAddress(member) }
    var credential: UploadCredential?
    try root.encoded("UploadAuth") { (member) throws(AnswerFault) in
      credential = try UploadCredential(member, now: now)
    }
    guard let address, let credential else { throw .missing("UploadAuth") }
    self.init(requestID: root.requestID, videoID: videoID, address: address, credential: credential)
  }
}

extension JSONValue {
  /// Passes the object in the member's base64 to `body`. The decoded text is wiped afterwards and never becomes a String.
  fileprivate func encoded(
    _ name: String, _ body: (borrowing JSONValue) throws(AnswerFault) -> Void
  ) throws(AnswerFault) {
    guard let value = self[name], value.kind != .null else { throw .missing(name) }
    guard value.kind == .string else { throw .malformed(name) }
    var sink = CredentialSink(count: value.length)
    value.copyString(into: &sink)
    let text = sink.finish()
    guard text.count > 0 else { throw .missing(name) }
    guard let decoded = text.withBytes({ Base64.decode($0) }) else { throw .malformed(name) }
    try decoded.withBytes { (bytes) throws(AnswerFault) in
      let document: JSONDocument
      do {
        document = try JSONDocument(bytes)
      } catch {
        throw .malformed(name)
      }
      guard document.root.kind == .object else { throw .malformed(name) }
      try body(document.root)
    }
  }
}

extension UploadAddress {
  fileprivate init(_ object: borrowing JSONValue) throws(AnswerFault) {
    let path = "UploadAddress"
    let bucket = try object.text("Bucket", path: path)
    let key = try object.text("FileName", path: path)
    var endpoint = try object.text("Endpoint", path: path)
    // With a scheme according to the documentation, without one in answers to public clients.
    if let separator = endpoint.firstRange(of: "://") {
      // The token is a secret that anybody on the way could use over plain HTTP.
      guard endpoint[..<separator.lowerBound].lowercased() == "https" else { throw .insecure }
      endpoint = String(endpoint[separator.upperBound...])
    }
    if endpoint.hasSuffix("/") { endpoint.removeLast() }
    guard Self.isBucket(bucket) else { throw .malformed("\(path).Bucket") }
    guard let address = UploadAddress(bucket: bucket, endpoint: endpoint, key: key) else {
      throw .malformed(Self.isKey(key) ? "\(path).Endpoint" : "\(path).FileName")
    }
    self = address
  }
}

extension UploadCredential {
  fileprivate init(_ object: borrowing JSONValue, now: UTCTime) throws(AnswerFault) {
    let path = "UploadAuth"
    let id = try object.credential("AccessKeyId", path: path)
    let secret = try object.credential("AccessKeySecret", path: path)
    let token = try object.credential("SecurityToken", path: path)
    guard let expires = Self.expiry("ExpireUTCTime", in: object, now) ?? Self.expiry("Expiration", in: object, now)
    else { throw .badExpiration }
    guard expires > now else { throw .expired }
    self.init(
      accessKeyID: id.withBytes { $0.text(0..<$0.count) }, secret: secret, token: token, expires: expires,
      region: Self.region(of: object))
  }

  /// A time, or a number of seconds from now, as a number or a string. `ExpireUTCTime` should be a time and `Expiration` a number,
  /// but in the vendor's own samples it is the other way round, so either is accepted in either place. Nil for anything else.
  private static func expiry(_ name: String, in object: borrowing JSONValue, _ now: UTCTime) -> UTCTime? {
    guard let value = object[name] else { return nil }
    if let text = value.string(), let time = UTCTime(text) { return time }
    let text = value.string() ?? value.int.map { String($0) } ?? ""
    guard text.utf8.count <= 9, let seconds = Int64(decimal: text) else { return nil }
    return UTCTime(seconds: now.seconds + seconds)
  }

  /// Nil unless it can be a region: then the endpoint's name is tried next.
  private static func region(of object: borrowing JSONValue) -> String? {
    guard var text = object["Region"]?.string() else { return nil }
    // Clients of the vendor write OSS regions with this prefix, and no region begins with it.
    if text.hasPrefix("oss-") { text.removeFirst("oss-".count) }
    return UploadAddress.isRegion(text) ? text : nil
  }
}
