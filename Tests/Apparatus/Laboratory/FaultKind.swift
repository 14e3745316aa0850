/// A misbehaviour of STS, as the emulator's control endpoint words it, with what it costs a role.
///
/// A kind that the emulator learns is one more line of `all`; whatever chooses from the table uses it from then on.
package struct FaultKind: Sendable {
  package enum Class: Sendable {
    /// Every call succeeds, if later.
    case harmless
    /// Calls fail, and succeed soon after its end: an outage.
    case transient
    /// Calls fail, and the next ones come when STS requested, or minutes later; or not before a person has fixed something.
    case lasting
  }

  package let name: String
  package let kind: Class
  /// As in `kind=error&status=503`.
  package let parameters: String
  /// Whether it can be put on one role alone.
  package var isPerRole = true

  /// Whether it makes the daemon ask less often, for all roles.
  package var isThrottle: Bool { parameters.hasPrefix("kind=throttle") }

  package static let all: [FaultKind] = [
    FaultKind(name: "delay within the time-out", kind: .harmless, parameters: "kind=delay&milliseconds=800"),
    FaultKind(name: "delay beyond the time-out", kind: .transient, parameters: "kind=delay&milliseconds=60000"),
    FaultKind(name: "connection closed", kind: .transient, parameters: "kind=refuse"),
    FaultKind(name: "no new connections", kind: .transient, parameters: "kind=unreachable", isPerRole: false),
    FaultKind(name: "answer cut", kind: .transient, parameters: "kind=drop"),
    FaultKind(name: "500", kind: .transient, parameters: "kind=error&status=500"),
    FaultKind(name: "503", kind: .transient, parameters: "kind=error&status=503"),
    FaultKind(name: "a proxy's page", kind: .transient, parameters: "kind=html"),
    FaultKind(name: "a proxy's 502", kind: .transient, parameters: "kind=html&status=502"),
    FaultKind(name: "oversized answer", kind: .transient, parameters: "kind=oversize"),
    FaultKind(name: "slow answer", kind: .harmless, parameters: "kind=dribble&milliseconds=800"),
    FaultKind(name: "endless answer", kind: .transient, parameters: "kind=dribble&milliseconds=60000"),
    FaultKind(name: "random bytes", kind: .transient, parameters: "kind=garbage&form=bytes"),
    FaultKind(name: "half an answer", kind: .transient, parameters: "kind=garbage&form=half"),
    FaultKind(name: "nested brackets", kind: .transient, parameters: "kind=garbage&form=nesting"),
    FaultKind(name: "a list", kind: .transient, parameters: "kind=garbage&form=list"),
    FaultKind(name: "no body", kind: .transient, parameters: "kind=garbage&form=nothing"),
    FaultKind(name: "no HTTP", kind: .transient, parameters: "kind=garbage&form=http"),
    FaultKind(name: "empty fields", kind: .transient, parameters: "kind=empty"),
    FaultKind(name: "empty token", kind: .transient, parameters: "kind=empty&field=SecurityToken"),
    FaultKind(name: "missing field", kind: .transient, parameters: "kind=missing&field=AccessKeySecret"),
    FaultKind(
      name: "Expiration in the past", kind: .transient,
      parameters: "kind=replace&field=Expiration&value=2020-01-01T00:00:00Z"),
    FaultKind(
      name: "Expiration that is no time", kind: .transient,
      parameters: "kind=replace&field=Expiration&value=tomorrow"),
    FaultKind(
      name: "text that no credential has", kind: .transient,
      parameters: "kind=replace&field=SecurityToken&value=%22%0a%27"),
    FaultKind(name: "Date an hour ahead", kind: .harmless, parameters: "kind=date&offset_seconds=3600"),
    FaultKind(name: "Date an hour behind", kind: .harmless, parameters: "kind=date&offset_seconds=-3600"),
    FaultKind(name: "no Date", kind: .harmless, parameters: "kind=date&absent=true"),
    FaultKind(name: "Date that is no time", kind: .harmless, parameters: "kind=date&text=yesterday"),
    FaultKind(name: "throttled", kind: .lasting, parameters: "kind=throttle"),
    FaultKind(name: "throttled with a time", kind: .lasting, parameters: "kind=throttle&retry_after_ms=700"),
    FaultKind(name: "nonce used", kind: .transient, parameters: "kind=error&status=400&code=SignatureNonceUsed"),
    FaultKind(
      name: "clocks differ", kind: .transient, parameters: "kind=error&status=400&code=InvalidTimeStamp.Expired"),
    FaultKind(name: "no permission", kind: .lasting, parameters: "kind=error&status=403&code=NoPermission"),
    FaultKind(name: "role gone", kind: .lasting, parameters: "kind=role-gone"),
    FaultKind(
      name: "AccessKey disabled", kind: .lasting,
      parameters: "kind=error&status=403&code=InvalidAccessKeyId.Inactive"),
    FaultKind(
      name: "wrong signature", kind: .lasting, parameters: "kind=error&status=400&code=SignatureDoesNotMatch"),
    FaultKind(name: "unknown code", kind: .lasting, parameters: "kind=error&status=418&code=Teapot"),
  ]
}
