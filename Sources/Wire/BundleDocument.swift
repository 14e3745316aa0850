package import Core
internal import JSON
package import Secrets

/// A role in a bundle: its session, or why it has none.
package enum BundleEntry {
  case session(SessionCredential, of: RoleARN, generation: UInt64, shortestLife: Duration)
  case failure(code: String, message: String, retryAfter: Duration)
}

/// The first part of a bundle, up to the object of the roles, which is a host's own.
package struct BundleBeginning {
  private static let hostMember = #"{"host":"#
  /// What is between the host and the time.
  private let middle: String

  package init(tier: String) { middle = #","tier":\#(Self.quoted(tier)),"refresh_after":"# }

  /// `refreshAfter` is when the host should ask again.
  package func text(host: String, refreshAfter: Duration) -> String {
    let seconds = String(refreshAfter.wholeSeconds)
    // Nearly all names are plain, and this is done for each answer.
    if host.utf8.allSatisfy(Self.isPlain) {
      return String(joining: Self.hostMember, "\"", host, "\"", middle, seconds, #","roles":"#)
    }
    return String(joining: Self.hostMember, Self.quoted(host), middle, seconds, #","roles":"#)
  }

  private static func quoted(_ text: String) -> String {
    var json = JSONWriter([UInt8]())
    json.string(text)
    return String(decoding: json.finish(), as: UTF8.self)
  }

  private static func isPlain(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "-")...UInt8(ascii: ":"):
      true
    default: false
    }
  }
}

/// The document of all roles of one host: `{"host":…,"tier":…,"refresh_after":…,"roles":{…}}`.
///
/// It is made in two parts: the beginning (`BundleBeginning`) is a host's own, the roles with their secrets are the same for all hosts that have these
/// roles.
package enum BundleDocument {
  /// The object of the roles, in their order, and the document's end.
  package static func roles(_ entries: [(name: RoleName, entry: BundleEntry)]) -> Secret {
    // With tokens of 700 bytes a role takes 1100.
    var json = JSONWriter(SecretBuffer(capacity: 64 + 1280 * entries.count))
    json.object { json in
      for (name, entry) in entries {
        json.key(name.description)
        json.object { json in entry.write(to: &json) }
      }
    }
    var document = json.finish()
    document.append("}\n")
    return document.finish()
  }
}

extension BundleEntry {
  fileprivate func write(to json: inout JSONWriter<SecretBuffer>) {
    switch self {
    case .session(let credential, let arn, let generation, let shortestLife):
      json.member("access_key_id", credential.accessKeyID)
      json.member("access_key_secret", credential.accessKeySecret)
      json.member("security_token", credential.securityToken)
      json.member("expiration", credential.expiration.description)
      json.member("last_updated", credential.issued.description)
      json.member("generation", Int64(clamping: generation))
      json.member("shortest_life", shortestLife.wholeSeconds)
      json.member("role_arn", arn.description)
    case .failure(let code, let message, let retryAfter):
      json.key("error")
      json.object { json in
        json.member("code", code)
        json.member("message", message)
        json.member("retry_after", max(1, retryAfter.wholeSeconds))
      }
    }
  }
}

extension JSONWriter where Sink: ~Copyable {
  fileprivate mutating func member(_ name: String, _ secret: Secret) {
    key(name)
    // One string: a String of the secret is never made.
    secret.withBytes { string(utf8: $0) }
  }
}
