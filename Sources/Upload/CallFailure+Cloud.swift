import CloudAPI
import HTTPClient
import ObjectStorage

extension CallFailure {
  /// `action` is the name of the call in policies.
  init(_ failure: VODFailure, action: String) {
    let kind: Kind =
      switch failure.kind {
      case .throttled(let wait): .throttled(wait: wait)
      // The answer, from the service or a proxy before it, doesn't show whether the call was carried out.
      case .transient: .lost
      case .denied: .denied
      case .unknownVideo: .unknownVideo
      case .referenceTaken: .referenceTaken
      case .credentialLapsed: .expired
      case .skew: .stale
      // Each call has its own nonce, so this request was sent twice: libcurl repeats it when a reused connection ends.
      // The first one was carried out.
      case .nonceUsed: .lost
      case .permanent: .refused
      }
    let remedy =
      switch kind {
      case .denied: "allow \(action) in the policies of the role, and in its session policy if it has one"
      case .unknownVideo: "look for the video in VOD's console; if it was deleted, upload the file with another journal"
      default: failure.remedy
      }
    self.init(kind, code: failure.code, requestID: failure.requestID, remedy: remedy)
  }

  init(_ failure: OSSFailure) {
    let kind: Kind =
      switch failure.kind {
      case .credentialExpired: .expired
      case .keyUnknown: .keyUnknown
      case .accessDenied: .denied
      case .skew: .stale
      case .noSuchUpload: .noSuchUpload
      case .objectExists: .objectExists
      case .invalidPart: .invalidPart
      case .invalidDigest: .damaged
      case .throttled: .throttled(wait: nil)
      case .transient: .lost
      case .entityTooSmall, .permanent: .refused
      }
    let code = failure.errorCode.map { "\(failure.code) (EC \($0))" } ?? failure.code
    self.init(kind, code: code, requestID: failure.requestID, remedy: failure.remedy)
  }

  init(_ failure: TransportFailure) {
    let kind: Kind =
      switch failure.kind {
      case .resolve, .connect, .connectTimeout, .tlsVerification, .caFile, .tlsOther, .proxyUnreachable,
        .proxyUnresolved, .proxyAuthentication, .proxyRefused, .proxyBroken, .noResources:
        .unreached
      case .timeout, .bodyTooLarge, .protocolViolation, .noAnswer, .cut, .other: .lost
      case .unsuitableRequest: .refused
      }
    self.init(kind, code: failure.text, remedy: Self.remedy(for: failure.kind))
  }

  private static func remedy(for kind: TransportFailure.Kind) -> String? {
    switch kind {
    case .tlsVerification, .caFile:
      "check --ca-file and this host's clock, and look for a device on the way that opens TLS"
    case .proxyUnreachable, .proxyUnresolved, .proxyAuthentication, .proxyRefused, .proxyBroken:
      "check --proxy, or https_proxy in the environment"
    case .resolve:
      "check this host's name service, and --vod-endpoint or --region if it is that name; then run again"
    case .connect, .connectTimeout, .tlsOther:
      "check the network between here and the service, and whether a proxy is needed (--proxy); then run again"
    default: nil
    }
  }
}
