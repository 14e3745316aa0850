/// An emulator's configuration in the making: one account, one user with AccessKeys, and roles that trust the account.
package struct RealmDraft {
  package struct Key: Sendable {
    package var id: String
    package var secret: String
    package var isActive = true

    package init(id: String, secret: String) {
      self.id = id
      self.secret = secret
    }
  }

  package static let account = "1234567890123456"
  package static let key = Key(id: "LTAIkeeperkeeperkeep", secret: "MarkedKeeperSecretMarkedKeeper")
  package static let otherKey = Key(id: "LTAIotherotherothero", secret: "OtherKeeperSecretOtherKeeperSe")

  package var keys = [Self.key]
  /// How long sessions live, by role; nil as long as was asked.
  package var roles: [String: String?]
  /// How many characters the roles' SecurityTokens have at least; nil for as many as it takes.
  package var tokenLength: Int?
  /// How many AssumeRole calls a second the account has; nil as many as the cloud gives.
  package var requestsPerSecond: Int?
  /// What each role may do, such as `vod:CreateUploadVideo`; nothing when it isn't named.
  package var rights: [String: [String]] = [:]
  /// Lines of `[vod]` and of `[oss]`.
  package var vod = ""
  package var oss = ""
  /// Lines in place of a role's `trust`, such as a `trust_policy`, by role.
  package var trusts: [String: String] = [:]
  /// Further tables, such as `[ecs]`.
  package var more = ""

  package init(lifetime: String?, roles: [String] = ["uploader", "reports"]) {
    self.roles = Dictionary(uniqueKeysWithValues: roles.map { ($0, lifetime) })
  }

  package var text: String {
    let keyList = keys.map { #"{ id = "\#($0.id)", secret = "\#($0.secret)", active = \#($0.isActive) }"# }
    var text = requestsPerSecond.map { "[accounts.\(Self.account)]\nrequests_per_second = \($0)\n\n" } ?? ""
    for (role, actions) in rights.sorted(by: { $0.key < $1.key }) {
      let list = actions.map { "\"\($0)\"" }.joined(separator: ",")
      text += """
        [accounts.\(Self.account).policies.of-\(role)]
        document = '{"Version":"1","Statement":[{"Effect":"Allow","Action":[\(list)],"Resource":"*"}]}'

        """
    }
    text += """
      [accounts.\(Self.account).users.keeper]
      access_keys = [\(keyList.joined(separator: ", "))]
      policies = ["AliyunSTSAssumeRoleAccess"]

      """
    for (name, lifetime) in roles.sorted(by: { $0.key < $1.key }) {
      text += """

        [accounts.\(Self.account).roles.\(name)]
        \(trusts[name] ?? "trust = [\"acs:ram::\(Self.account):root\"]")
        max_session_duration = "12h"

        """
      if let lifetime { text += "issued_lifetime = \"\(lifetime)\"\n" }
      if let tokenLength { text += "token_length = \(tokenLength)\n" }
      if rights[name] != nil { text += "policies = [\"of-\(name)\"]\n" }
    }
    if !vod.isEmpty { text += "\n[vod]\n\(vod)\n" }
    if !oss.isEmpty { text += "\n[oss]\n\(oss)\n" }
    if !more.isEmpty { text += "\n\(more)\n" }
    return text
  }
}

/// A daemon's settings in the making.
package struct SettingsDraft {
  package struct Role {
    package var name: String
    package var arn: String?
    /// Lines of the role's table beside `role_arn`; TOML lets each key stand once.
    package var times = """
      duration = "15min"
      max_duration = "1h"
      floor = "0s"
      survive_outage = "1min"
      lapse_margin = "1s"
      """
    package var more = ""
    /// Tables `[[roles.NAME.files]]`.
    package var files = ""

    package init(_ name: String, more: String = "", files: String = "") {
      self.name = name
      self.more = more
      self.files = files
    }

    /// A file in the role's directory.
    package static func file(_ path: String, _ lines: String = "") -> String { "path = \"\(path)\"\n\(lines)" }
  }

  package var keyPath: String
  package var endpoint: String
  /// In place of `endpoint`, unless it is empty.
  package var regions: [String] = []
  package var authorityPath: String
  package var socketPath: String
  package var directory: String
  /// Lines of `[sts]`.
  package var sts = "requests_per_second = 100\nburst = 100\ntimeout = \"3s\""
  /// Lines of `[socket]`.
  package var socket = "mode = \"0600\""
  /// Tables of further sources; then each role names its own.
  package var sources = ""
  /// Loopback addresses to listen at.
  package var loopback: [String] = []
  /// Lines of `[fleet]`.
  package var fleet = ""
  /// Lines of `[access]`.
  package var access = ""
  package var level = "notice"
  package var roles = [Role("uploader"), Role("reports")]

  package var text: String {
    let head = """
      [source.main]
      type = "access-key"
      file = "\(keyPath)"

      \(sources)
      [sts]
      \(regions.isEmpty ? "endpoint = \"\(endpoint)\"" : "regions = \(regions)")
      ca_file = "\(authorityPath)"
      \(sts)

      [socket]
      path = "\(socketPath)"
      \(socket)

      \(loopback.isEmpty ? "" : "[loopback]\nlisten = \(loopback)")
      \(fleet.isEmpty ? "" : "[fleet]\n\(fleet)")

      [files]
      directory = "\(directory)"

      [access]
      \(access)

      [log]
      level = "\(level)"

      """
    return head + roles.map(Self.text).joined()
  }

  private static func text(of role: Role) -> String {
    let files = role.files.isEmpty ? "" : "\n[[roles.\(role.name).files]]\n\(role.files)\n"
    return """

      [roles.\(role.name)]
      role_arn = "\(role.arn ?? "acs:ram::\(RealmDraft.account):role/\(role.name)")"
      \(role.times)
      \(role.more)
      \(files)
      """
  }
}
