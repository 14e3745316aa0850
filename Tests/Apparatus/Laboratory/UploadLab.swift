import Glibc
package import TestSupport

/// A cloud with VOD and OSS, a daemon that uses it, and vod-upload as a user runs it.
///
/// Its roles differ in what they may do: `uploader` has the two rights that everything works with, `confirmer` may ask for what became of a
/// video besides, `remover` may have parts removed, and `creator` may make videos and nothing else.
package final class UploadLab {
  package static let leastRights = ["vod:CreateUploadVideo", "vod:RefreshUploadVideo"]
  package static let rights = [
    "uploader": leastRights, "confirmer": leastRights + ["vod:GetMezzanineInfo"],
    "remover": leastRights + ["vod:DeleteMultipartUpload"], "creator": [leastRights[0]],
  ]

  package let lab: Lab
  private var runs = 0

  /// `vod` and `oss` are lines of these tables of the emulator; `sessionLife` is nil for as long as is asked.
  package init(
    vod: String = "", oss: String = "", sessionLife: String? = nil, roles: [String] = rights.keys.sorted(),
    in parent: String? = nil,
    _ adjust: (inout SettingsDraft) -> Void = { _ in }
  ) throws {
    var realm = RealmDraft(lifetime: sessionLife, roles: roles)
    realm.rights = Self.rights
    realm.vod = vod
    // What the service makes of an ETag takes the emulator longer than all the rest.
    realm.oss = "etag = \"crc\"\n\(oss)"
    lab = try Lab(realm, in: parent, hasStorage: true) { draft in
      draft.roles = roles.map { SettingsDraft.Role($0) }
      adjust(&draft)
    }
    try lab.start()
    mkdir(videoDirectory, 0o755)
  }

  package var directory: TemporaryDirectory { lab.directory }
  package var emulator: EmulatorProcess { lab.emulator }
  /// Where the files are that are to be uploaded.
  package var videoDirectory: String { directory.path("videos") }

  /// Makes a file of random bytes and returns its path.
  @discardableResult
  package func addVideo(_ name: String, size: Int) throws -> String {
    let path = "\(videoDirectory)/\(name)"
    try RandomFile.write(path, size: size)
    return path
  }

  /// Starts vod-upload with `words` and what it needs to find this cloud. `journal` is a name in this lab's directory; `role` is
  /// nil to name none. `wrapper` are words before its own.
  package func launch(
    _ words: [String], role: String? = "uploader", wrapper: [String] = [], journal: String = "journal",
    environment: [String: String] = [:]
  ) throws -> UploadProcess {
    runs += 1
    return try lab.upload(
      words, role: role, journal: journal, named: "upload-\(runs)", wrapper: wrapper, environment: environment)
  }

  /// Uploads all videos, or what `words` name, and waits for the end.
  package func upload(
    _ words: [String] = [], _ files: [String]? = nil, role: String? = "uploader", journal: String = "journal",
    environment: [String: String] = [:]
  ) throws -> UploadProcess.Result {
    let process = try launch(
      words + (files ?? [videoDirectory]), role: role, journal: journal, environment: environment)
    return try process.wait()
  }

  /// Whether the object of a row of the report has the bytes of its file.
  package func isIntact(_ row: UploadProcess.Row) -> Bool {
    guard let address = row.objectAddress, address.hasPrefix("oss://") else { return false }
    return RandomFile.areEqual(row.path, directory.path("objects/\(address.dropFirst(6))"))
  }

  /// The upload ids under which parts were sent of the object with that key.
  package func uploadIDs(of key: String) throws -> Set<String> {
    Set(try emulator.storageCalls().filter { $0.key == key && $0.part != nil }.compactMap(\.uploadID))
  }

  /// The results of the requests that sent parts of the file with that name, by part, in their order.
  package func partResults(of name: String = "one.mp4") throws -> [Int: [String]] {
    let keys = Set(try emulator.videos().filter { $0.fileName == name }.map(\.key))
    return try emulator.storageCalls().reduce(into: [:]) { results, call in
      guard call.operation == "UploadPart", keys.contains(call.key), let part = call.part else { return }
      results[part, default: []].append(call.result)
    }
  }
}
