import JSON

/// Files of a user that come before rolekeeper in the chains of SDKs, or into which SDKs write secrets.
package struct FileTraps {
  /// A text file, and whether this user may replace its content.
  package struct File {
    package let text: String
    package let isWritable: Bool

    package init(text: String, isWritable: Bool) {
      self.text = text
      self.isWritable = isWritable
    }
  }

  private let home: String
  private let read: (String) -> File?
  /// The profile that variables choose; nil for the file's own choice.
  private let profile: String?

  package init(home: String, profile: String?, read: @escaping (_ path: String) -> File?) {
    self.home = home
    self.profile = profile
    self.read = read
  }

  package var findings: [Finding] {
    let found = configuration + credentials
    return found.isEmpty ? [Finding(.ok, "files in \(home)", "none that comes before rolekeeper")] : found
  }

  // MARK: - aliyun-cli's configuration

  private struct Profile {
    let name: String
    let mode: String
  }

  private var configuration: [Finding] {
    let path = "\(home)/.aliyun/config.json"
    guard let file = read(path) else { return [] }
    let subject = "file '\(path)'"
    guard let (current, profiles) = Self.profiles(in: file.text) else {
      return [
        Finding(
          .warning, subject, "isn't a configuration of aliyun-cli that can be read",
          next: "see what SDKs and aliyun-cli make of it: aliyun configure list")
      ]
    }
    var found: [Finding] = []
    let chosen = profile ?? current
    if let used = profiles.first(where: { $0.name == chosen }), !["External", "CredentialsURI"].contains(used.mode) {
      found.append(
        Finding(
          .warning, subject,
          "its profile '\(used.name)' is of mode \(used.mode), which SDKs take before ECS metadata and a credentials URI",
          next: "make it a profile of mode External, or give programs ALIBABA_CLOUD_CLI_PROFILE_DISABLED=true"))
    }
    if file.isWritable, let external = profiles.first(where: { $0.mode == "External" }) {
      found.append(
        Finding(
          .warning, subject,
          "has the profile '\(external.name)' of mode External and can be written: SDKs write each session's secrets into it",
          next:
            "chmod 0400 the file while nobody changes it by 'aliyun configure', or have the program make its provider itself"
        ))
    }
    return found
  }

  /// Nil for a text that isn't such a configuration.
  private static func profiles(in text: String) -> (current: String, profiles: [Profile])? {
    let bytes = Array(text.utf8)
    let document: JSONDocument
    do { document = try JSONDocument(bytes.span) } catch { return nil }
    let root = document.root
    guard root.kind == .object, let list = root["profiles"], list.kind == .array else { return nil }
    var profiles: [Profile] = []
    list.forEachItem { item in
      guard item.kind == .object else { return }
      // A profile without a mode has an AccessKey.
      profiles.append(Profile(name: item["name"]?.string() ?? "default", mode: item["mode"]?.string() ?? "AK"))
    }
    return (root["current"]?.string() ?? "default", profiles)
  }

  // MARK: - ini files

  private var credentials: [Finding] {
    ["credentials.ini", "credentials"].compactMap { name in
      let path = "\(home)/.alibabacloud/\(name)"
      guard read(path) != nil else { return nil }
      let readers = name == "credentials" ? "Go" : "Python and Java"
      return Finding(
        .warning, "file '\(path)'",
        "the SDKs for \(readers) take it before ECS metadata and a credentials URI, and stay with it if External fails once",
        next: "move it away if programs of this user should get credentials from rolekeeper alone")
    }
  }
}
