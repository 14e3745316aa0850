import Laboratory

/// The roles of a soak, by what they are promised.
enum RoleSet {
  /// Their declared outage is never exceeded: readers must always get a credential with at least the floor left.
  ///
  /// Sessions live 180 s, so a step is 45 s and 180 − 1.1 × 45 − 20 = 110 s are left for an outage: more than the 20 s
  /// declared and the 75 s that an outage may add at its end.
  static let steady = (1...6).map { "steady\($0)" }
  static let steadyLifetime = "180s"
  static let floor = 20
  /// Seconds.
  static let declaredOutage = 20

  /// Faults of every kind and any length are theirs; readers get a good credential, or the reason why there is none.
  static let tried = (1...6).map { "tried\($0)" }
  static let triedLifetimes = ["8s", "10s", "12s", "15s", "20s", "30s"]

  /// Sessions as long as was asked, so that longer ones can be reserved.
  static let long = ["long1", "long2"]

  /// Those that are read.
  static let all = steady + tried + long
  /// Those that the daemon has at the start.
  static let served = all + [uploader]
  /// Appears and disappears with reloads; nobody reads it.
  static let guest = "guest"
  static let withFiles = ["steady1", "steady2", "tried1", "tried2"]

  /// The role of the upload, which nobody else reads.
  static let uploader = "uploader"
  static let uploaderLifetime = "20s"
  /// The least rights, and the one that says after a kill whether a video is finished.
  static let uploaderRights = UploadLab.leastRights + ["vod:GetMezzanineInfo"]
  /// Of an upload's credential for its object.
  static let uploadLifetime = "45s"

  static var realm: RealmDraft {
    var realm = RealmDraft(lifetime: nil, roles: all + [guest])
    realm.roles[uploader] = uploaderLifetime
    realm.rights[uploader] = uploaderRights
    realm.vod = "upload_lifetime = \"\(uploadLifetime)\""
    for role in steady { realm.roles[role] = steadyLifetime }
    for (role, lifetime) in zip(tried, triedLifetimes) { realm.roles[role] = lifetime }
    return realm
  }

  static func settings(_ name: String) -> SettingsDraft.Role {
    var role = SettingsDraft.Role(name)
    if !tried.contains(name), name != uploader {
      role.times = """
        duration = "15min"
        max_duration = "1h"
        floor = "\(floor)s"
        survive_outage = "\(declaredOutage)s"
        lapse_margin = "1s"
        """
    }
    guard withFiles.contains(name) else { return role }
    role.files =
      SettingsDraft.Role.file("credentials.json") + "\n[[roles.\(name).files]]\n"
      + SettingsDraft.Role.file("credentials.env", "format = \"env\"")
    return role
  }
}
