/// The keys of a source. Which of them a source may have depends on its type.
extension Schema {
  enum Source {
    static let type = ChoiceKey(
      name: "type", choices: SourceType.allCases.map(\.rawValue), standard: nil,
      summary: """
        The kind of source: access-key is the AccessKey of a RAM user; role is the session of another role of these settings.
        """)
    static let credential = TextKey(
      name: "credential", form: "the name of a systemd credential", example: "\"access-key\"",
      summary: """
        The AccessKey as a systemd credential, which the unit's LoadCredential= passes to the daemon. Write this or \
        file.
        """)
    static let file = TextKey(
      name: "file", form: "a path, relative to this file or absolute", example: "\"/etc/rolekeeper/keys/access-key\"",
      summary: """
        The AccessKey in a file: the CSV that the RAM console downloads, JSON, or NAME=value lines. The daemon's user \
        must own the file, and nobody else may read it. When another key is put there, it is used once STS has \
        accepted it.
        """)
    static let role = TextKey(
      name: "role", form: "the NAME of a [roles.NAME]", example: "\"base\"",
      summary: """
        For type = "role", the role whose session signs. That role has a source of its own, which may be a role again, but \
        the chain can't lead back to it.
        """)
    static let table = SettingTable(header: "[source.NAME]", keys: [type, credential, file, role])

    /// The keys that belong to a type, besides `type`.
    static func keys(of type: SourceType) -> [any SettingKey] {
      switch type {
      case .accessKey: [credential, file]
      case .role: [role]
      }
    }
  }
}
