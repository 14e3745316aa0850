package import Core
internal import JSON
package import Secrets

/// A role in a bundle: its session, or why it has none.
package enum BundleEntry {
  case session(SessionCredential, of: RoleARN, generation: UInt64, shortestLife: Duration)
  case failure(code: String, message: String, retryAfter: Duration)
}

/// The document of all roles of one host: `{"host":…,"tier":…,"refresh_after":…,"roles":{…}}`.
///
/// It is made in two parts: the beginning is a host's own, the roles with their secrets are the same for all hosts that have these roles.
package enum BundleDocument {
  /// `refreshAfter` is when the host should ask again.
  package static func beginning(host: String, tier: String, refreshAfter: Duration) -> [UInt8] {
    var json = JSONWriter([UInt8]())
    json.object { json in
      json.member("host", host)
      json.member("tier", tier)
      json.member("refresh_after", refreshAfter.wholeSeconds)
      json.key("roles")
    }
    var bytes = json.finish()
    // The object goes on in the other part.
    bytes.removeLast()
    return bytes
  }

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
