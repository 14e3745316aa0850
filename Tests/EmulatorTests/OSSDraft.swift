@testable import Emulator

/// A request to OSS before it is signed with V4, path style.
///
/// The signing follows the vendor's page independently, in other steps than the tested check; the vectors verify both.
struct OSSDraft {
  static let object = ObjectName(bucket: "outin-1", key: "sv/1/clip.mp4")
  static let grant = UploadGrant(
    keyID: "STS.draft", secret: "draft secret", token: "draft token", object: object,
    expires: OSSVector.time.advanced(bySeconds: 3000), region: "cn-shanghai")

  var method: String
  var object: ObjectName
  var query: [(name: String, value: String)] = []
  var headers: [(name: String, value: String)] = []
  var additional: [String] = []
  var body: [UInt8] = []
  var host = "127.0.0.1:443"

  init(_ method: String, object: ObjectName, query: [(name: String, value: String)] = [], body: [UInt8] = []) {
    self.method = method
    self.object = object
    self.query = query
    self.body = body
  }

  func signed(by grant: UploadGrant, at time: WallTime) -> Request {
    let date = String(time.isoText.filter { $0 != "-" && $0 != ":" })
    var signed = headers + [("x-oss-content-sha256", "UNSIGNED-PAYLOAD"), ("x-oss-date", date)]
    if !grant.token.isEmpty { signed.append(("x-oss-security-token", grant.token)) }
    let path = "/\(object.bucket)/\(object.key)".utf8.map { byte in
      byte == UInt8(ascii: "/") ? "/" : TextCoding.percentEncoded(String(decoding: [byte], as: UTF8.self))
    }.joined()
    let parameters = query.sorted { $0.name < $1.name }.map { $0.value.isEmpty ? $0.name : "\($0.name)=\($0.value)" }
    let lines = signed.sorted { $0.name < $1.name }.map { "\($0.name):\($0.value)\n" }.joined()
    let names = additional.sorted().joined(separator: ";")
    let canonical =
      "\(method)\n\(path)\n\(parameters.joined(separator: "&"))\n\(lines)\n\(names)\nUNSIGNED-PAYLOAD"
    let scope = "\(date.prefix(8))/\(grant.region)/oss/aliyun_v4_request"
    let toSign =
      "OSS4-HMAC-SHA256\n\(date)\n\(scope)\n" + TextCoding.hex(Digests.sha256(Array(canonical.utf8)))
    let key = scope.split(separator: "/").reduce(Array("aliyun_v4\(grant.secret)".utf8)) {
      Digests.hmacSHA256(key: $0, Array($1.utf8))
    }
    let signature = TextCoding.hex(Digests.hmacSHA256(key: key, Array(toSign.utf8)))
    let more = additional.isEmpty ? "" : ",AdditionalHeaders=\(names)"
    signed.append(
      ("authorization", "OSS4-HMAC-SHA256 Credential=\(grant.keyID)/\(scope)\(more),Signature=\(signature)"))
    signed += [("host", host), ("content-length", String(body.count))]
    let target = path + (query.isEmpty ? "" : "?" + parameters.joined(separator: "&"))
    return Request(
      method: method, target: target, headers: signed.map { Request.Header(name: $0.name, value: $0.value) },
      body: body)
  }
}
