/// The services behind the gateway, identified by the API version in their calls.
enum CloudService: String, Sendable {
  case sts = "2015-04-01"
  case vod = "2017-03-21"

  /// The product name in the links of errors.
  var product: String {
    switch self {
    case .sts: "Sts"
    case .vod: "vod"
    }
  }
}

/// A call with a verified sender.
struct ProvenCall: Sendable {
  let action: String
  let parameters: Parameters
  let caller: Caller
  /// The request's values for policy conditions.
  let context: [String: String]
  let sourceAddress: String
  /// By the host that was called.
  let region: String
}

/// The result of a service's operation.
struct Performed: Sendable {
  let fields: Fields
  /// Its result among the counted calls.
  var result = "OK"
}

extension Request {
  /// The condition keys of every request (RAM, "Policy elements").
  func policyContext(at now: WallTime) -> [String: String] {
    [
      "acs:CurrentTime": now.isoText, "acs:SourceIp": sourceAddress, "acs:SecureTransport": isSecure ? "true" : "false",
      "acs:MFAPresent": "false", "acs:UserAgent": header("user-agent") ?? "",
    ]
  }
}
