package import Core
internal import JSON
internal import Secrets
internal import Signing

/// The sessions of all roles of one host, as a tier hands them out (`GET /v1/bundle`).
package struct Bundle {
  /// A session in a bundle.
  package struct Session {
    package let assumed: AssumedSession
    /// When STS issued it, by the tier.
    package let issued: UTCTime
    /// The tier's number of it.
    package let generation: UInt64
    /// What every session of the role still lives at least when it leaves this tier while STS works; nil if the tier doesn't say.
    package let shortestLife: Duration?
  }

  /// Why the tier has no session of a role.
  package struct Absence: Hashable, Sendable {
    /// A code of STS or of the tier, printable.
    package let code: String
    package let retryAfter: Duration?
  }

  package enum Entry {
    case session(Session)
    case absent(Absence)
  }

  /// As the tier knows this host, by its certificate.
  package let host: String
  /// The machine that answered.
  package let tier: String
  /// How long until the next one is to be asked for, in `allowedRefresh`.
  package let refreshAfter: Duration
  package let roles: [RoleName: Entry]

  /// Where a tier answers with one, and where it takes reports of dead sessions.
  package static let path = "/v1/bundle"

  package static func reportPath(of role: RoleName, accessKeyID: String) -> String {
    "/v1/roles/\(role)/report?access_key_id=\(String(percentEncoded: accessKeyID))"
  }

  /// The maximum length of a bundle, in bytes: 100 roles take some 200,000.
  package static let mostBytes = 1 << 20
  /// What is obeyed of a tier's wish for the next request.
  package static let allowedRefresh = Duration.seconds(5)...Duration.hours(1)

  /// The wait that an answer asks for, in whole seconds, as it is obeyed; nil if it can't be read.
  package static func refreshAfter(_ text: String) -> Duration? {
    Int64(decimal: text).map { obeyed(seconds: $0) }
  }

  private static func obeyed(seconds: Int64) -> Duration {
    .seconds(min(max(seconds, allowedRefresh.lowerBound.wholeSeconds), allowedRefresh.upperBound.wholeSeconds))
  }

  package init(host: String, tier: String, refreshAfter: Duration, roles: [RoleName: Entry]) {
    (self.host, self.tier, self.refreshAfter, self.roles) = (host, tier, refreshAfter, roles)
  }

  /// Reads a tier's answer. All of it has to be sound: a tier is a rolekeeperd, and half a bundle would take roles away.
  package init(reading text: Span<UInt8>) throws(BundleUnusable) {
    guard text.count <= Self.mostBytes else { throw BundleUnusable(code: "AnswerTooLong", why: "it is too long") }
    let document: JSONDocument
    do { document = try JSONDocument(text) } catch { throw BundleUnusable(code: "AnswerNotJSON", why: "it isn't JSON") }
    let root = document.root
    do throws(AnswerFault) {
      guard root.kind == .object else { throw .malformed("the document") }
      host = try root.text("host").printable(most: 255)
      tier = try root.text("tier").printable(most: 255)
      guard let seconds = root["refresh_after"]?.int, seconds >= 0 else { throw .malformed("refresh_after") }
      refreshAfter = Self.obeyed(seconds: seconds)
      guard let members = root["roles"], members.kind == .object else { throw .missing("roles") }
      var roles: [RoleName: Entry] = [:]
      try members.forEachMember { (key: borrowing JSONValue, value: borrowing JSONValue) throws(AnswerFault) in
        guard let name = key.string().flatMap({ RoleName($0) }) else { throw .malformed("roles") }
        roles[name] = try Self.entry(value, of: name)
      }
      self.roles = roles
    } catch {
      throw BundleUnusable(code: error.code, why: error.ofBundle)
    }
  }

  private static func entry(_ value: borrowing JSONValue, of name: RoleName) throws(AnswerFault) -> Entry {
    let path = "roles.\(name)"
    guard value.kind == .object else { throw .malformed(path) }
    if let error = value["error"], error.kind != .null {
      guard error.kind == .object else { throw .malformed("\(path).error") }
      let code = try error.text("code", path: "\(path).error").printable(most: 64)
      let wait = error["retry_after"]?.int.map { Duration.seconds(min(max(0, $0), longestWait)) }
      return .absent(Absence(code: code, retryAfter: wait))
    }
    let id = try value.credential("access_key_id", path: path)
    let secret = try value.credential("access_key_secret", path: path)
    let token = try value.credential("security_token", path: path)
    guard let expiration = UTCTime(try value.text("expiration", path: path)),
      let issued = UTCTime(try value.text("last_updated", path: path)), issued < expiration
    else { throw .malformed("\(path).expiration") }
    guard let generation = value["generation"]?.int, generation >= 0 else { throw .malformed("\(path).generation") }
    let assumed = AssumedSession(
      accessKeyID: id.withBytes { $0.text(0..<$0.count) }, accessKeySecret: secret, securityToken: token,
      expiration: expiration, requestID: nil)
    return .session(
      Session(
        assumed: assumed, issued: issued, generation: UInt64(generation),
        shortestLife: value["shortest_life"]?.int.map { .seconds(max(0, $0)) }))
  }

  private static var longestWait: Int64 { Failure.longestRequestedWait.wholeSeconds }
}

/// An answer that is no bundle.
package struct BundleUnusable: Error, Hashable {
  package let code: String
  /// Half a sentence; quotes nothing of the answer but names of members.
  package let why: String
}

extension AnswerFault {
  fileprivate var ofBundle: String {
    switch self {
    case .missing(let member): "it lacks '\(member)'"
    case .malformed(let member): "its '\(member)' isn't of the form of a bundle's"
    case .tooLong, .notJSON, .noCode, .badExpiration, .expired, .insecure: "it isn't a bundle"
    }
  }
}
