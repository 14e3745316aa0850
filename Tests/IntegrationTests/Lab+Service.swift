import Laboratory

extension Lab {
  /// An emulator with the services of a host, and settings whose role uploader has the source `other`; `source` has its lines.
  static func withService(
    _ more: String, trusts: [String: String] = [:], _ source: (Lab) -> String
  ) throws -> Lab {
    var realm = RealmDraft(lifetime: nil, roles: ["uploader", "host"])
    realm.rights = ["host": ["sts:AssumeRole"]]
    realm.trusts = trusts
    realm.more = more
    let lab = try Lab(realm, hasHostServices: true) { draft in
      var role = SettingsDraft.Role("uploader", more: "source = \"other\"")
      role.times = role.times.replacing("floor = \"0s\"", with: "floor = \"1min\"")
      draft.roles = [role]
    }
    lab.draft.sources = "[source.other]\n" + source(lab) + "\n"
    try lab.writeSettings()
    return lab
  }
}
