/// The services behind the gateway, by the version that their calls carry.
enum CloudService: String, Sendable {
  case sts = "2015-04-01"
  case vod = "2017-03-21"

  /// As the links in errors name it.
  var product: String {
    switch self {
    case .sts: "Sts"
    case .vod: "vod"
    }
  }
}

/// A call whose sender is proven.
struct ProvenCall: Sendable {
  let action: String
  let parameters: Parameters
  let caller: Caller
  /// What policies' conditions may ask about the request.
  let context: [String: String]
  let sourceAddress: String
}

/// What a service did.
struct Performed: Sendable {
  let fields: Fields
  /// Its name among the counted calls.
  var result = "OK"
}

extension Request {
  /// The condition keys that every request has (RAM, "Policy elements").
  func policyContext(at now: WallTime) -> [String: String] {
    [
      "acs:CurrentTime": now.isoText, "acs:SourceIp": sourceAddress, "acs:SecureTransport": isSecure ? "true" : "false",
      "acs:MFAPresent": "false", "acs:UserAgent": header("user-agent") ?? "",
    ]
  }
}
