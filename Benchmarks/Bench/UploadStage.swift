import Glibc
import Laboratory
import TestSupport

extension Programs {
  static var vodUpload: String { "\(directory)/vod-upload" }
}

/// VOD and OSS without quotas, a daemon with a session, and files to upload; all of it in memory where there is room.
final class UploadStage {
  private static let role = "uploader"

  let directory: TemporaryDirectory
  let emulator: EmulatorProcess
  private let daemon: DaemonProcess
  private var runs = 0

  /// `room` is how many bytes files and objects take at a time.
  init(room: Int) throws {
    directory = try TemporaryDirectory(in: Self.hasRoom("/dev/shm", for: room) ? "/dev/shm" : nil)
    emulator = try EmulatorProcess(realm: Self.realm, in: directory, objects: directory.path("objects"))
    let key = RealmDraft.key
    try directory.write("AccessKey ID,AccessKey Secret\n\(key.id),\(key.secret)\n", to: "access-key", mode: 0o400)
    let settings = Self.settings(in: directory, emulator)
    daemon = try DaemonProcess(
      configPath: try directory.write(settings, to: "rolekeeper.toml"), socketPath: directory.path("rk.sock"),
      in: directory)
    try daemon.awaitReady()
  }

  private static let realm = """
    [accounts.\(RealmDraft.account).users.keeper]
    access_keys = [{ id = "\(RealmDraft.key.id)", secret = "\(RealmDraft.key.secret)" }]
    policies = ["AliyunSTSAssumeRoleAccess"]

    [accounts.\(RealmDraft.account).roles.\(role)]
    trust = ["acs:ram::\(RealmDraft.account):root"]
    policies = ["AliyunVODUploadAuth"]

    [vod]
    calls_per_second = { CreateUploadVideo = 1000000, RefreshUploadVideo = 1000000 }

    [oss]
    etag = "crc"
    """

  private static func settings(in directory: TemporaryDirectory, _ emulator: EmulatorProcess) -> String {
    """
    [source.main]
    type = "access-key"
    file = "\(directory.path("access-key"))"

    [sts]
    endpoint = "\(emulator.endpoint)"
    ca_file = "\(emulator.authorityPath)"

    [socket]
    path = "\(directory.path("rk.sock"))"
    mode = "0600"

    [roles.\(role)]
    role_arn = "acs:ram::\(RealmDraft.account):role/\(role)"
    duration = "1h"
    """
  }

  private static func hasRoom(_ path: String, for bytes: Int) -> Bool {
    var status = statvfs()
    return statvfs(path, &status) == 0 && Int(status.f_bavail) * Int(status.f_frsize) >= bytes
  }

  /// The command for a batch with a journal of its own.
  func command(_ options: [String], authorities: String? = nil, journal: String? = nil) -> [String] {
    runs += 1
    return [
      Programs.vodUpload, "--socket", daemon.socketPath, "--role", Self.role, "--vod-endpoint", emulator.endpoint,
      "--ca-file", authorities ?? emulator.authorityPath, "--proxy", "none", "--calls-per-second", "10000", "--journal",
      journal ?? directory.path("journal-\(runs)"),
    ] + options
  }

  /// The session that the daemon hands out.
  func session() throws -> Credential { try Credential(try daemon.get("/v1/roles/\(Self.role)/credentials")) }

  /// Makes a directory with so many files of a size, which differ from each other, and returns the files' paths.
  func makeFiles(_ count: Int, bytes: Int, in name: String) throws -> [String] {
    mkdir(directory.path(name), 0o755)
    var block = (0..<min(bytes, 1 << 20) / 8).map { _ in UInt64.random(in: 0 ... .max) }
    return try (0..<count).map { number in
      let path = directory.path("\(name)/\(number).mp4")
      let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
      guard descriptor >= 0 else { throw BenchError("cannot make '\(path)'") }
      defer { close(descriptor) }
      for done in stride(from: 0, to: bytes, by: 1 << 20) {
        block[0] = UInt64(number << 32 + done)
        let piece = min(bytes - done, 1 << 20)
        guard block.withUnsafeBytes({ write(descriptor, $0.baseAddress, piece) }) == piece else {
          throw BenchError("cannot write '\(path)'")
        }
      }
      return path
    }
  }

  /// Deletes the stored objects, which would fill the memory.
  func deleteObjects() throws {
    _ = try ChildProcess.run(["/usr/bin/find", directory.path("objects"), "-type", "f", "-delete"])
  }

  /// A signed URL for an object that wasn't there before.
  func freshURL() throws -> String {
    runs += 1
    return try emulator.grant(bucket: "bench", key: "object-\(runs).mp4").putURL
  }

  /// Runs a command to its end; the most memory that it had of its own meanwhile (Anonymous), in bytes. Read every 10 ms.
  func largestAnonymous(_ command: [String]) throws -> Double {
    let child = try ChildProcess(command, in: directory, named: "memory-\(runs)")
    var most = 0.0
    while child.statusIfEnded == nil {
      most = max(most, Self.anonymous(of: child.pid) ?? 0)
      usleep(10_000)
    }
    guard child.statusIfEnded == 0 else { throw BenchError("vod-upload: \(child.errors)\(child.output.suffix(500))") }
    return most
  }

  /// In bytes; nil of a process that is gone.
  private static func anonymous(of pid: Int32) -> Double? {
    FileText.read("/proc/\(pid)/smaps_rollup")?.split(separator: "\n").first { $0.hasPrefix("Anonymous:") }
      .flatMap { Double($0.split(separator: " ")[1]) }.map { $0 * 1024 }
  }
}
