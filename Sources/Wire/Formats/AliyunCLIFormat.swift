package import Core
internal import JSON
package import Secrets

/// Format `aliyun-cli`: a `config.json` of the aliyun command line, with a profile of mode StsToken that has the role's name.
///
/// By aliyun-cli's config/profile.go: the mode takes `access_key_id`, `access_key_secret` and `sts_token`, and a profile without
/// `region_id` is refused; cn-hangzhou is its own default. `sts_expiration`, in seconds since 1970, is what it and the SDKs write for
/// the modes that renew a session; here it is for readers of the file.
extension SessionCredential {
  /// A document with this profile alone, which is the current one.
  func aliyunConfiguration(for role: RoleName) -> Secret {
    var text = SecretBuffer(capacity: 4096)
    text.append("{\n  \"current\": \"\(role)\",\n  \"profiles\": [\n    ")
    appendProfile(of: role, to: &text)
    text.append("\n  ],\n  \"meta_path\": \"\"\n}\n")
    return text.finish()
  }

  /// An existing configuration with this profile in place of the one of its name, or after the others. Everything else in it stays:
  /// other profiles, unknown keys, which profile is the current one.
  package func aliyunConfiguration(for role: RoleName, in existing: Secret) throws(FormatError) -> Secret {
    try existing.withBytes { (bytes) throws(FormatError) in
      let document: JSONDocument
      do throws(JSONError) { document = try JSONDocument(bytes) } catch {
        let line = JSONPosition(of: error.offset, in: bytes).line
        throw .notAConfiguration("it is not valid JSON: \(error.reason), in line \(line)")
      }
      return try merged(role, document.root)
    }
  }

  private func merged(_ role: RoleName, _ root: borrowing JSONValue) throws(FormatError) -> Secret {
    guard root.kind == .object else { throw .notAConfiguration("it is no JSON object") }
    var text = SecretBuffer(capacity: 8192)
    var isThere = false
    text.append("{")
    try root.forEachMember { (key, value) throws(FormatError) in
      text.append(text.count == 1 ? "\n  " : ",\n  ")
      key.copyMinified(into: &text)
      text.append(": ")
      guard key.string() == "profiles" else { return value.copyMinified(into: &text) }
      guard value.kind == .array else { throw .notAConfiguration("its 'profiles' is no list") }
      isThere = true
      try appendProfiles(of: role, among: value, to: &text)
    }
    if !isThere {
      text.append(text.count == 1 ? "\n  \"profiles\": [\n    " : ",\n  \"profiles\": [\n    ")
      appendProfile(of: role, to: &text)
      text.append("\n  ]")
    }
    text.append("\n}\n")
    return text.finish()
  }

  private func appendProfiles(
    of role: RoleName, among profiles: borrowing JSONValue, to text: inout SecretBuffer
  ) throws(FormatError) {
    var isDone = false
    text.append("[")
    var separator = "\n    "
    try profiles.forEachItem { (profile) throws(FormatError) in
      text.append(separator)
      separator = ",\n    "
      guard !isDone, profile["name"]?.string() == role.description else { return profile.copyMinified(into: &text) }
      // Of a person, who has given it the role's name by chance.
      let hasKey = profile["access_key_secret"]?.length ?? 0 > 0
      guard !hasKey || profile["sts_token"]?.length ?? 0 > 0 else { throw .wouldLoseKey(profile: role.description) }
      isDone = true
      appendProfile(of: role, replacing: profile, to: &text)
    }
    if !isDone {
      text.append(separator)
      appendProfile(of: role, to: &text)
    }
    text.append("\n  ]")
  }

  private func appendProfile(of role: RoleName, to text: inout SecretBuffer) {
    appendOwn(of: role, to: &text)
    for (name, value) in Self.defaults { text.append(",\"\(name)\":\"\(value)\"") }
    text.append("}")
  }

  /// What the former profile has besides ours stays.
  private func appendProfile(
    of role: RoleName, replacing former: borrowing JSONValue, to text: inout SecretBuffer
  ) {
    appendOwn(of: role, to: &text)
    var missing = Self.defaults
    former.forEachMember { key, value in
      let name = key.string() ?? ""
      guard !Self.own.contains(name) else { return }
      missing.removeAll { $0.name == name }
      text.append(",")
      key.copyMinified(into: &text)
      text.append(":")
      value.copyMinified(into: &text)
    }
    for (name, value) in missing { text.append(",\"\(name)\":\"\(value)\"") }
    text.append("}")
  }

  /// The profile up to its last members.
  private func appendOwn(of role: RoleName, to text: inout SecretBuffer) {
    text.append("{\"name\":\"\(role)\",\"mode\":\"StsToken\"")
    let members: [(StaticString, CredentialField)] = [
      (",\"access_key_id\":\"", .accessKeyID), (",\"access_key_secret\":\"", .accessKeySecret),
      (",\"sts_token\":\"", .securityToken),
    ]
    for (name, field) in members {
      text.append(name)
      text.append(value(of: field))
      text.append("\"")
    }
    text.append(",\"sts_expiration\":\(expiration.seconds)")
  }

  private static let own: Set<String> = [
    "name", "mode", "access_key_id", "access_key_secret", "sts_token", "sts_expiration",
  ]
  private static let defaults = [
    (name: "region_id", value: "cn-hangzhou"), (name: "output_format", value: "json"), (name: "language", value: "en"),
  ]
}
