import JSON

extension EmulatorProcess {
  /// An upload credential for one object, and URLs signed with it.
  package struct Grant {
    package let keyID: String
    package let secret: String
    package let token: String
    /// `https://ADDRESS:PORT`.
    package let endpoint: String
    package let putURL: String
    package let getURL: String
  }

  /// A finished object, as the emulator's control endpoint lists it.
  package struct StoredObject {
    /// In bytes.
    package let size: Int
    package let crc64: String
    /// How often it was written.
    package let writes: Int
  }

  /// Bucket and key as they go into a query; `lifetime` is in seconds.
  package func grant(bucket: String, key: String, lifetime: Int = 3000) throws -> Grant {
    let text = Array(try ask("POST", "/grants?bucket=\(bucket)&key=\(key)&lifetime=\(lifetime)").utf8)
    let root = try JSONDocument(text.span).root
    func field(_ name: String) -> String { root[name]?.string() ?? "" }
    return Grant(
      keyID: field("AccessKeyId"), secret: field("AccessKeySecret"), token: field("SecurityToken"),
      endpoint: field("Endpoint"), putURL: field("put_url"), getURL: field("get_url"))
  }

  /// nil for an object that isn't finished.
  package func object(bucket: String, key: String) throws -> StoredObject? {
    var found: StoredObject?
    let text = Array(try ask("GET", "/objects?bucket=\(bucket)&key=\(key)").utf8)
    try JSONDocument(text.span).root["objects"]?.forEachItem { object in
      found = StoredObject(
        size: Int(object["size"]?.int ?? 0), crc64: object["crc64"]?.string() ?? "",
        writes: Int(object["writes"]?.int ?? 0))
    }
    return found
  }

  /// A request to OSS, as the emulator took it.
  package struct StorageCall {
    /// Such as `UploadPart`.
    package let operation: String
    package let key: String
    package let part: Int?
    package let uploadID: String?
    /// The AccessKeyId that it was signed with, as the request claims.
    package let keyID: String
    /// `OK`, an error code, or what a fault made of it.
    package let result: String
  }

  /// The latest requests to OSS in the order of their ends.
  package func storageCalls() throws -> [StorageCall] {
    var calls: [StorageCall] = []
    let text = Array(try ask("GET", "/requests/oss").utf8)
    try JSONDocument(text.span).root["requests"]?.forEachItem { call in
      calls.append(
        StorageCall(
          operation: call["operation"]?.string() ?? "", key: call["key"]?.string() ?? "",
          part: (call["part"]?.int).map { Int($0) }, uploadID: call["upload_id"]?.string(),
          keyID: call["access_key_id"]?.string() ?? "", result: call["result"]?.string() ?? ""))
    }
    return calls
  }

  /// The same, each as operation and result with a blank between, such as `UploadPart OK`.
  package func callsToOSS() throws -> [String] { try storageCalls().map { "\($0.operation) \($0.result)" } }
}
