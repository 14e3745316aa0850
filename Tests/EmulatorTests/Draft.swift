@testable import Emulator

/// A request before it is signed.
///
/// The signing here follows the vendor's documents independently, in other steps than the tested check; the vectors verify both.
struct Draft {
  var action: String
  var parameters: [String: String]
  var nonce: String
  var time: String
  var version = "2015-04-01"
  var host = "sts.aliyuncs.com"

  func signed(by key: Key, shape: Shape) -> Request {
    switch shape {
    case .v1Get, .v1Query, .v1Form, .v1Split: signedV1(by: key, shape: shape)
    case .v3Get, .v3Query, .v3Form: signedV3(by: key, shape: shape)
    }
  }

  private func signedV1(by key: Key, shape: Shape) -> Request {
    let method = shape == .v1Get ? "GET" : "POST"
    var common = [
      "Action": action, "Version": version, "Format": "JSON", "AccessKeyId": key.id, "SignatureMethod": "HMAC-SHA1",
      "SignatureVersion": "1.0", "SignatureNonce": nonce, "Timestamp": time,
    ]
    common["SecurityToken"] = key.token
    let all = Self.joined(common.merging(parameters) { $1 })
    let mac = Digests.hmacSHA1(
      key: Array((key.secret + "&").utf8), Array("\(method)&%2F&\(TextCoding.percentEncoded(all))".utf8))
    common["Signature"] = TextCoding.base64(mac)
    let (query, body) =
      switch shape {
      case .v1Form: ("", Self.joined(common.merging(parameters) { $1 }))
      case .v1Split: (Self.joined(common), Self.joined(parameters))
      default: (Self.joined(common.merging(parameters) { $1 }), "")
      }
    var headers = [Request.Header(name: "Host", value: host)]
    if !body.isEmpty { headers.append(.init(name: "Content-Type", value: "application/x-www-form-urlencoded")) }
    return Request(method: method, target: query.isEmpty ? "/" : "/?\(query)", headers: headers, body: Array(body.utf8))
  }

  private func signedV3(by key: Key, shape: Shape) -> Request {
    let method = shape == .v3Get ? "GET" : "POST"
    let query = shape == .v3Form ? "" : Self.joined(parameters)
    let body = shape == .v3Form ? Array(Self.joined(parameters).utf8) : []
    let bodyHash = TextCoding.hex(Digests.sha256(body))
    var headers = [
      "host": host, "x-acs-action": action, "x-acs-version": version, "x-acs-date": time,
      "x-acs-signature-nonce": nonce, "x-acs-content-sha256": bodyHash,
    ]
    if !body.isEmpty { headers["content-type"] = "application/x-www-form-urlencoded" }
    if let token = key.token {
      headers["x-acs-security-token"] = token
      headers["x-acs-accesskey-id"] = key.id
    }
    let names = headers.keys.sorted()
    let list = names.joined(separator: ";")
    let lines = names.map { "\($0):\(headers[$0] ?? "")\n" }.joined()
    let canonical = "\(method)\n/\n\(query)\n\(lines)\n\(list)\n\(bodyHash)"
    let toSign = "ACS3-HMAC-SHA256\n" + TextCoding.hex(Digests.sha256(Array(canonical.utf8)))
    let signature = TextCoding.hex(Digests.hmacSHA256(key: Array(key.secret.utf8), Array(toSign.utf8)))
    headers["Authorization"] = "ACS3-HMAC-SHA256 Credential=\(key.id),SignedHeaders=\(list),Signature=\(signature)"
    return Request(
      method: method, target: query.isEmpty ? "/" : "/?\(query)",
      headers: headers.map { Request.Header(name: $0.key, value: $0.value) }, body: body)
  }

  private static func joined(_ parameters: [String: String]) -> String {
    parameters.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
      .map { "\(TextCoding.percentEncoded($0.key))=\(TextCoding.percentEncoded($0.value))" }.joined(separator: "&")
  }
}
