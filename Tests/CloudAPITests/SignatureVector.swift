import CloudAPI
import Glibc
import JSON
import Secrets
import Testing

/// One entry of `Tests/Vectors/v3-acs3.json`, which was made by running the vendor's own SDK.
struct SignatureVector: Sendable, CustomTestStringConvertible {
  var name = ""
  var accessKeyID = ""
  var accessKeySecret = ""
  var method = ""
  var path = ""
  var query: [String: String] = [:]
  var headers: [String: String] = [:]
  var body = ""
  var canonicalRequest = ""
  var stringToSign = ""
  var authorization = ""
  var target = ""

  var testDescription: String { name }
  var key: AccessKey { AccessKey(id: accessKeyID, secret: secret(accessKeySecret)) }

  /// The headers as sent: names in their own case, values with the blanks they came with.
  var request: SignatureV3.Request {
    let signed = Set(
      authorization.split(separator: ",")[1].dropFirst("SignedHeaders=".count).split(separator: ";").map(String.init))
    let token = "x-acs-security-token"
    return SignatureV3.Request(
      method: method, path: path, query: query.map { ($0.key, $0.value) },
      headers: headers.filter { signed.contains($0.key.lowercased()) && $0.key != token }.map { ($0.key, $0.value) },
      securityToken: headers[token].map { secret($0) }, body: Array(body.utf8))
  }

  static func named(_ name: String) throws -> SignatureVector {
    try #require(try all().first { $0.name == name })
  }

  static func all() throws -> [SignatureVector] {
    let text = try contents(of: "v3-acs3.json")
    var vectors: [SignatureVector] = []
    try JSONDocument(text.span).root["vectors"]?.forEachItem { vectors.append(SignatureVector($0)) }
    return vectors
  }

  private init(_ entry: borrowing JSONValue) {
    name = entry["name"]?.string() ?? ""
    accessKeyID = entry["access_key_id"]?.string() ?? ""
    accessKeySecret = entry["access_key_secret"]?.string() ?? ""
    method = entry["method"]?.string() ?? ""
    path = entry["canonical_uri"]?.string() ?? ""
    canonicalRequest = entry["canonical_request"]?.string() ?? ""
    stringToSign = entry["string_to_sign"]?.string() ?? ""
    authorization = entry["authorization"]?.string() ?? ""
    var (query, headers) = ([String: String](), [String: String]())
    entry["query_params"]?.forEachMember { query[$0.string() ?? ""] = $1.string() }
    entry["wire"]?["headers"]?.forEachMember { headers[$0.string() ?? ""] = $1.string() }
    self.query = query
    self.headers = headers
    body = entry["wire"]?["body"]?.string() ?? ""
    target = entry["wire"]?["target"]?.string() ?? ""
  }

  private static func contents(of name: String) throws -> [UInt8] {
    let here = #filePath
    let tests = here.split(separator: "/").dropLast(2).joined(separator: "/")
    let file = try #require(fopen("/\(tests)/Vectors/\(name)", "re"))
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    return Array(bytes[..<count])
  }
}

func secret(_ text: String) -> Secret { Secret(copying: Array(text.utf8).span) }

extension Secret {
  /// For comparisons in tests, where the secret is made up.
  var text: String {
    withBytes { bytes in String(decoding: bytes.indices.map { bytes[$0] }, as: UTF8.self) }
  }
}
