import Core

/// Environment variables that keep programs from using what rolekeeper gives them. Only names are reported: a value may be a
/// secret.
///
/// Which variable comes before which source: the default chains of Alibaba's SDKs for Python, Go and Java, of the OSS and AWS
/// families, and of aliyun-cli (docs/consumers.md).
package struct VariableTraps {
  private let values: [String: String]
  /// Where variables are set, as in `~/.profile line 3`, by name; this process's environment if there is none.
  private let places: [String: String]

  package init(_ values: [String: String], places: [String: String] = [:]) {
    self.values = values
    self.places = places
  }

  /// Static keys, by the programs that take them.
  private static let keys: [(programs: String, names: [String])] = [
    (
      "Alibaba's SDKs and aliyun-cli",
      ["ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN"]
    ),
    ("aliyun-python-sdk-core, even before a token,", ["ALIYUN_ACCESS_KEY_ID", "ALIYUN_ACCESS_KEY_SECRET"]),
    ("Terraform", ["ALICLOUD_ACCESS_KEY", "ALICLOUD_SECRET_KEY", "ALICLOUD_SECURITY_TOKEN"]),
    (
      "programs for OSS",
      [
        "OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_SESSION_TOKEN", "OSSACCESSKEYID", "OSSSECRETACCESSKEY",
        "OSSSESSIONTOKEN",
      ]
    ),
    ("programs for S3", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"]),
    ("pyodps", ["ODPS_STS_ACCESS_KEY_ID", "ODPS_STS_ACCESS_KEY_SECRET", "ODPS_STS_TOKEN"]),
  ]
  private static let identityToken = [
    "ALIBABA_CLOUD_ROLE_ARN", "ALIBABA_CLOUD_OIDC_PROVIDER_ARN", "ALIBABA_CLOUD_OIDC_TOKEN_FILE",
  ]
  static let proxies = ["HTTP_PROXY", "http_proxy"]

  /// All variables that `findings` looks at, for whoever searches files for them.
  package static var names: Set<String> {
    Set(keys.flatMap { $0.names } + identityToken + proxies + others)
  }
  private static let others = [
    "ALIBABA_CLOUD_CREDENTIALS_URI", "ALIBABA_CLOUD_ECS_METADATA_DISABLED", "ALIBABA_CLOUD_CLI_PROFILE_DISABLED",
    "ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS", "ALIBABA_CLOUD_CREDENTIALS_FILE", "AWS_CA_BUNDLE",
  ]

  package var findings: [Finding] {
    let found = keyTraps + tokenTraps + addressTraps + proxyTraps + switchTraps
    return found.isEmpty ? [Finding(.ok, "variables", "none that hides rolekeeper from programs")] : found
  }

  private func isSet(_ name: String) -> Bool { values[name].map { !$0.isEmpty } ?? false }

  private func isTrue(_ name: String) -> Bool { values[name]?.lowercased() == "true" }

  private func warning(_ names: [String], _ text: String, next: String) -> Finding {
    let listed = names.map { name in places[name].map { "\(name) (\($0))" } ?? name }
    return Finding(.warning, "variables", "\(listed.joined(separator: ", ")): \(text)", next: next)
  }

  private var keyTraps: [Finding] {
    Self.keys.compactMap { programs, names in
      let set = names.filter(isSet)
      guard !set.isEmpty else { return nil }
      return warning(
        set, "\(programs) take these before other sources, and never notice a new credential",
        next: "for programs that should get theirs from rolekeeper: unset \(set.joined(separator: " "))")
    }
  }

  private var tokenTraps: [Finding] {
    let set = Self.identityToken.filter(isSet)
    guard !set.isEmpty else { return [] }
    let text =
      set.count == Self.identityToken.count
      ? "SDKs then assume a role by OIDC before they look at profiles or a credentials URI"
      : "some without the others, which SDKs ignore and other programs refuse"
    return [
      warning(
        set, text, next: "for programs that should get theirs from rolekeeper: unset \(set.joined(separator: " "))")
    ]
  }

  private var addressTraps: [Finding] {
    let name = "ALIBABA_CLOUD_CREDENTIALS_URI"
    guard isSet(name) else { return [] }
    var found: [Finding] = []
    if !isTrue("ALIBABA_CLOUD_ECS_METADATA_DISABLED") {
      found.append(
        warning(
          [name], "SDKs ask ECS metadata before it: that costs time-outs or, on ECS, gives the instance's own role",
          next: "export ALIBABA_CLOUD_ECS_METADATA_DISABLED=true"))
    }
    if values[name]?.hasPrefix("http://localhost") == true {
      found.append(
        warning([name], "names localhost, which ecctl refuses", next: "write the address: http://127.0.0.1:PORT/NAME"))
    }
    return found
  }

  private var proxyTraps: [Finding] {
    let set = Self.proxies.filter(isSet)
    guard !set.isEmpty else { return [] }
    return [
      warning(
        set,
        "Alibaba's Python packages send even requests to 127.0.0.1 to that proxy, whatever NO_PROXY says, so a credentials URI "
          + "doesn't work",
        next:
          "for programs with a credentials URI: unset \(set.joined(separator: " ")); files and 'rolekeeper get' aren't "
          + "concerned")
    ]
  }

  private var switchTraps: [Finding] {
    var found: [Finding] = []
    if isTrue("ALIBABA_CLOUD_CLI_PROFILE_DISABLED") {
      found.append(
        warning(
          ["ALIBABA_CLOUD_CLI_PROFILE_DISABLED"],
          "SDKs then read no profile of ~/.aliyun/config.json, External neither",
          next: "unset it for programs that should use such a profile"))
    }
    if isSet("ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS") {
      found.append(
        warning(
          ["ALIBABA_CLOUD_DISABLE_EXTERNAL_PROCESS"], "aliyun-cli then uses neither External nor CredentialsURI",
          next: "unset it for aliyun-cli with such a profile"))
    }
    if isSet("AWS_CA_BUNDLE") {
      found.append(
        warning(
          ["AWS_CA_BUNDLE"], "rclone 1.60 then takes no credential from its environment", next: "unset it for rclone"))
    }
    return found
  }
}
