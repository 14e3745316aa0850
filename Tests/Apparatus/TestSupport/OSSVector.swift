import JSON

/// One entry of `Tests/Vectors/oss-v1.json` or `oss-v4.json`, which were made by running oss2 2.19.1.
package struct OSSVector: Sendable, CustomStringConvertible {
  package let name: String
  package let accessKeyID: String
  package let accessKeySecret: String
  /// nil when the request has none.
  package let securityToken: String?
  /// Empty for V1.
  package let region: String
  package let bucket: String
  package let key: String
  /// Empty for V1.
  package let canonicalRequest: String
  package let stringToSign: String
  package let authorization: String
  package let method: String
  package let host: String
  /// Path and query as sent.
  package let target: String
  /// As sent.
  package let headers: [String: String]
  package let body: String

  package var description: String { name }

  package enum Version: String { case v1, v4 }

  package static func all(_ version: Version) throws -> [OSSVector] {
    var vectors: [OSSVector] = []
    try VectorFile.forEach(of: "oss-\(version.rawValue).json") { vectors.append(OSSVector($0)) }
    return vectors
  }

  private init(_ entry: borrowing JSONValue) {
    func text(_ name: String) -> String { entry[name]?.string() ?? "" }
    func wire(_ name: String) -> String { entry["wire"]?[name]?.string() ?? "" }
    name = text("name")
    accessKeyID = text("access_key_id")
    accessKeySecret = text("access_key_secret")
    securityToken = text("security_token").isEmpty ? nil : text("security_token")
    region = text("region")
    bucket = text("bucket")
    key = text("key")
    canonicalRequest = text("canonical_request")
    stringToSign = text("string_to_sign")
    authorization = text("authorization")
    method = wire("method")
    host = wire("host")
    target = wire("target")
    body = wire("body")
    var headers: [String: String] = [:]
    entry["wire"]?["headers"]?.forEachMember { headers[$0.string() ?? ""] = $1.string() }
    self.headers = headers
  }
}
