import JSON

/// Files of a user that come before rolekeeper in the chains of SDKs, or into which SDKs write secrets. What a file contains isn't shown,
/// except names of profiles.
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
  private let variables: [String: String]

  /// `variables` are those of the user's programs, of which `names` count.
  package init(home: String, variables: [String: String], read: @escaping (_ path: String) -> File?) {
    self.home = home
    self.variables = variables
    self.read = read
  }

  /// The variables that choose a file or a profile, for whoever searches files for them.
  package static let names: Set<String> = [
    "ALIBABA_CLOUD_PROFILE", "AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE",
    "OSSUTIL_CONFIG_FILE", "OSSUTIL_PROFILE",
  ]

  private func variable(_ name: String) -> String? { variables[name].flatMap { $0.isEmpty ? nil : $0 } }

  package var findings: [Finding] {
    let found = configuration + credentials + filesOfAWS + ossutil
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
    let chosen = variable("ALIBABA_CLOUD_PROFILE") ?? current
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

  // MARK: - The files of AWS's programs and of ossutil

  /// The file that the variable names, if that is by an absolute path, or the one in the home.
  private func path(_ name: String, _ standard: String) -> String {
    variable(name).flatMap { $0.hasPrefix("/") ? $0 : nil } ?? "\(home)/\(standard)"
  }

  /// A file that rolekeeper writes, or one of its sessions that somebody has saved, has such an AccessKeyId.
  private static func isStatic(_ keyID: String?) -> Bool { keyID.map { !$0.isEmpty && !$0.hasPrefix("STS.") } ?? false }

  /// A wrapper's name isn't known, only that it names rolekeeper.
  private static func isForeign(_ program: String?) -> Bool {
    program.map { !$0.isEmpty && !$0.contains("rolekeeper") } ?? false
  }

  /// What makes a profile of AWS assume a role or sign in, by keys of `IniFile`.
  private static let assuming = ["rolearn", "ssosession", "ssoaccountid", "ssostarturl", "loginsession"]

  private var filesOfAWS: [Finding] {
    let profile = variable("AWS_PROFILE") ?? variable("AWS_DEFAULT_PROFILE") ?? "default"
    let program = "credential_process = /usr/bin/rolekeeper get ROLE --format aws-process"
    let files = [
      (path("AWS_SHARED_CREDENTIALS_FILE", ".aws/credentials"), [profile]),
      (path("AWS_CONFIG_FILE", ".aws/config"), ["profile \(profile)"] + (profile == "default" ? [profile] : [])),
    ]
    return files.compactMap { path, names in
      guard let sections = read(path).map({ IniFile($0.text).sections }),
        let keys = names.lazy.compactMap({ sections[$0] }).first
      else { return nil }
      let subject = "file '\(path)'"
      if Self.isStatic(keys["awsaccesskeyid"]) {
        return Finding(
          .warning, subject,
          "its profile '\(profile)' has an AccessKey, which programs for S3 take before a URI, and most before a credential_process",
          next:
            "for programs that should get credentials from rolekeeper alone: take aws_access_key_id and aws_secret_access_key out of it, and write into ~/.aws/config: \(program)"
        )
      }
      if Self.isForeign(keys["credentialprocess"]) {
        return Finding(
          .warning, subject,
          "the credential_process of its profile '\(profile)' isn't rolekeeper, and programs for S3 take it before a URI",
          next: "for programs that should get credentials from rolekeeper alone: write \(program)")
      }
      if Self.assuming.contains(where: { keys[$0] != nil }) {
        return Finding(
          .warning, subject,
          "its profile '\(profile)' assumes a role or signs in by itself, and programs for S3 take that before a URI",
          next: "for programs that should get credentials from rolekeeper alone: give that profile another name")
      }
      return nil
    }
  }

  /// ossutil 1 reads the section `Credentials`, ossutil 2 a profile's.
  private var ossutil: [Finding] {
    let path = path("OSSUTIL_CONFIG_FILE", ".ossutilconfig")
    guard let file = read(path) else { return [] }
    let profile = variable("OSSUTIL_PROFILE") ?? "default"
    let sections = IniFile(file.text).sections
    let (subject, program) = ("file '\(path)'", "credential-process = /usr/bin/rolekeeper get ROLE")
    for name in ["Credentials", profile, "profile \(profile)"] {
      guard let keys = sections[name] else { continue }
      if Self.isStatic(keys["accesskeyid"]) {
        return [
          Finding(
            .warning, subject, "its section '\(name)' has an AccessKey, which ossutil takes",
            next:
              "if ossutil should get credentials from rolekeeper: take accessKeyID and accessKeySecret out of it, and write \(program) for ossutil 2; ossutil 1 takes a file of format ossutil"
          )
        ]
      }
      if Self.isForeign(keys["credentialprocess"]) {
        return [
          Finding(
            .warning, subject, "the credential-process of its section '\(name)' isn't rolekeeper",
            next: "if ossutil should get credentials from rolekeeper: write \(program)")
        ]
      }
    }
    return []
  }
}
