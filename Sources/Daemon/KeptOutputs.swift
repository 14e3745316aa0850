import Core
import FileOutput
import Glibc
import Secrets
import Settings

/// One role's files and what should be in them.
final class KeptOutputs {
  let role: RoleSettings
  let files: RoleOutputs
  /// What belongs into the files; nil while nothing is valid.
  var handout: Handout?
  /// When what an earlier process left must have lapsed: until then it stays, although this process knows nothing valid.
  var leftoverLapses: Timestamp?
  /// When they were last written or looked at.
  var lastTry = Timestamp(microseconds: 0)
  /// What is wrong by path, as it was told.
  var complaints: [String: String] = [:]

  /// Where the roles' directories were when it was made.
  let directory: String
  private let places: [OutputFile]
  private let formats: [OutputSettings.Format]

  /// Nil for a role without files.
  init?(_ role: RoleSettings, in directory: String, _ writer: FileWriter, _ mounts: MountTable) {
    let outputs = role.outputs.compactMap { settings in OutputFile(settings).map { (settings, $0) } }
    guard !outputs.isEmpty else { return nil }
    self.role = role
    self.directory = directory
    places = outputs.map(\.1)
    formats = outputs.map(\.0.format)
    files = RoleOutputs(
      writer, directory: directory, role: role.name.description, outputs: places, mounts: mounts)
    leftoverLapses = Self.leftoverLapses(role, in: directory)
  }

  /// The contents in the order of the files.
  var contents: [Secret]? {
    handout.map { handout in formats.map { $0 == .json ? handout.document : handout.environment } }
  }

  /// What has to go when `new` takes the place of these outputs. A role's directory sees to its own files as long as it is used.
  func placesMissing(in new: KeptOutputs?) -> [OutputFile] {
    let usesDirectory = new.map { $0.directory == directory && $0.places.contains(where: \.isInRoleDirectory) } ?? false
    let elsewhere = Set(new?.places.map(\.place) ?? [])
    return places.filter { $0.isInRoleDirectory ? !usesDirectory : !elsewhere.contains($0.place) }
  }

  /// No session outlives its DurationSeconds, counted from when it was written; what is in it can't be read, for it may be
  /// another user's. Nil when nothing was left.
  private static func leftoverLapses(_ role: RoleSettings, in directory: String) -> Timestamp? {
    let written = role.outputs.compactMap { output -> Int64? in
      let path =
        switch output.location {
        case .roleDirectory(let name): "\(directory)/\(role.name)/\(name)"
        case .elsewhere(let path): path
        }
      var status = stat()
      return stat(path, &status) == 0 ? Int64(status.st_mtim.tv_sec) : nil
    }
    guard let first = written.min() else { return nil }
    let age = Duration.seconds(max(0, Int64(time(nil)) - first))
    return Keeper.now() + role.timing.duration - age
  }
}

extension OutputSettings.Location {
  var isInRoleDirectory: Bool { if case .roleDirectory = self { true } else { false } }
}

extension OutputFile {
  fileprivate var isInRoleDirectory: Bool { if case .inRoleDirectory = place { true } else { false } }

  /// Nil for a name or path that the settings should not have let through.
  fileprivate init?(_ settings: OutputSettings) {
    let place: OutputPlace? =
      switch settings.location {
      case .roleDirectory(let name): OutputName(name).map { .inRoleDirectory($0) }
      case .elsewhere(let path): OutputPath(path).map { .elsewhere($0) }
      }
    guard let place else { return nil }
    self.init(place, uid: settings.uid, gid: settings.gid, mode: settings.mode)
  }
}
