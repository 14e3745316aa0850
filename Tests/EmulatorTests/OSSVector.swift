import Testing

@testable import Emulator

/// One entry of `Tests/Vectors/oss-v4.json` or `oss-v1.json`, made by running oss2.
struct OSSVector: Sendable, CustomTestStringConvertible {
  let name: String
  let grant: UploadGrant
  let request: Request
  let stringToSign: String
  /// Empty for V1.
  let canonicalRequest: String

  static let v4 = CloudVector.entries(of: "oss-v4.json").map(OSSVector.init)
  static let v1 = CloudVector.entries(of: "oss-v1.json").map(OSSVector.init)
  /// The time of all vectors.
  static let time = WallTime("2026-01-02T03:04:05Z")!

  var testDescription: String { "\(name), \(canonicalRequest.isEmpty ? "V1" : "V4")" }

  private init(_ entry: PolicyValue) {
    name = entry.text("name")
    let region = entry.text("region")
    grant = UploadGrant(
      keyID: entry.text("access_key_id"), secret: entry.text("access_key_secret"), token: entry.text("security_token"),
      object: ObjectName(bucket: entry.text("bucket"), key: entry.text("key")),
      expires: Self.time.advanced(bySeconds: 3000), region: region.isEmpty ? "cn-shanghai" : region)
    let wire = entry["wire"] ?? .other
    var request = wire.request
    request.headers.append(.init(name: "Host", value: wire.text("host")))
    self.request = request
    stringToSign = entry.text("string_to_sign")
    canonicalRequest = entry.text("canonical_request")
  }
}

/// The verdict of a gateway that knows one grant, at the vectors' time.
func ossAuthentication(_ request: Request, of grant: UploadGrant) throws -> UploadGrant {
  let store = ObjectStore(directory: "/nowhere")
  store.add(grant)
  var settings = OSSSettings()
  settings.allowsV1 = true
  let call = try OSSCall(request)
  return try OSSGateway(store: store, settings: settings)
    .authenticate(call, signedBy: OSSSignature(call), at: OSSVector.time)
}
