import JSON

/// One entry of `Tests/Vectors/v3-acs3.json`, which was made by running the vendor's own SDK.
package struct SignatureVector: Sendable, CustomStringConvertible {
  package private(set) var name = ""
  package private(set) var accessKeyID = ""
  package private(set) var accessKeySecret = ""
  package private(set) var method = ""
  package private(set) var path = ""
  package private(set) var query: [String: String] = [:]
  package private(set) var headers: [String: String] = [:]
  package private(set) var body = ""
  package private(set) var canonicalRequest = ""
  package private(set) var stringToSign = ""
  package private(set) var authorization = ""
  package private(set) var target = ""

  package var description: String { name }

  package static func named(_ name: String) throws -> SignatureVector {
    guard let vector = try all().first(where: { $0.name == name }) else { throw MissingVector(name: name) }
    return vector
  }

  package static func all() throws -> [SignatureVector] {
    var vectors: [SignatureVector] = []
    try VectorFile.forEach(of: "v3-acs3.json") { vectors.append(SignatureVector($0)) }
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
}

struct MissingVector: Error {
  let name: String
}

/// A file of `Tests/Vectors`.
enum VectorFile {
  static func forEach(of name: String, _ body: (borrowing JSONValue) -> Void) throws {
    // Beside the targets below `Tests`.
    let tests = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let path = "/\(tests)/Vectors/\(name)"
    guard let text = FileText.read(path) else { throw MissingVector(name: path) }
    try JSONDocument(Array(text.utf8).span).root["vectors"]?.forEachItem { body($0) }
  }
}
