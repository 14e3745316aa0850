import Laboratory
import TestNeeds
import TestSupport
import Testing

/// Real programs with their own packages, over three rotations (docs/consumers.md).
///
/// A consumer is served if the cloud has accepted what it signed: the emulator's STS, or a recorder that checks the signature where the
/// emulator has no such service. After a rotation the old session is dead at once.
@Suite(.serialized, .needs(.consumers)) struct ConsumerTests {
  /// Sessions shorter than the margins of those that ask again by time: `External` at 180 s, botocore at 600 s.
  private static let lifetime = "170s"

  /// Those that ask for each request, or for each that is near the end of the session.
  private static let following = [
    "external-profile", "external-provider", "oss2", "oss2-parts", "oss-v2", "log", "tablestore", "mns", "pyodps",
    "fc2-set", "botocore-process", "botocore-new-session", "minio-file", "restic-file", "s3cmd",
  ]

  @Test func `those that follow sign with the new session after each rotation`() throws {
    let consumers = try ConsumerLab(Self.following, lifetime: Self.lifetime)
    for rotation in 0...3 {
      if rotation > 0 { try consumers.rotate() }
      for use in try consumers.use() {
        #expect(use.keyID.map(use.current.contains) == true, "\(use) after \(rotation) rotations")
      }
    }
  }

  /// When one of these follows, the package has changed, and docs/consumers.md with it.
  private static let lasting = [
    "variables", "new-variables", "sts-token-profile", "openapi-static", "oss2-static", "oss-v2-variables", "sdk-core",
    "fc2", "ossfs-fsspec", "botocore-file", "minio-chain", "rclone-file", "rclone-file-current",
  ]

  @Test func `those that can't follow go on with their first session, which is refused`() throws {
    try ConsumerLab(Self.lasting, lifetime: Self.lifetime).expectNoChange()
  }

  @Test(.needs(.fuse)) func `a mount of s3fs ends with its session`() throws {
    try ConsumerLab(["s3fs"], lifetime: Self.lifetime).expectNoChange()
  }

  @Test func `those that ask again at the end of a session get the next one`() throws {
    let consumers = try ConsumerLab(["rclone-process", "rclone-process-current", "restic-process"], lifetime: "5s")
    var uses = try consumers.use()
    var seen = Set(uses.map(\.keyID))
    for _ in 1...3 {
      uses = try consumers.use(after: uses)
      for use in uses { #expect(use.keyID != nil && seen.insert(use.keyID).inserted, "\(use)") }
    }
  }

  /// Both are inside their margins, so they ask the URI each time.
  @Test(.needs(.root)) func `those that ask the loopback URI sign with the new session after each rotation`() throws {
    let consumers = try ConsumerLab(
      ["uri-variable", "container-botocore"], lifetime: Self.lifetime, at: TCPSocket.freeAddress())
    for rotation in 0...3 {
      if rotation > 0 { try consumers.rotate() }
      for use in try consumers.use() {
        #expect(use.keyID.map(use.current.contains) == true, "\(use) after \(rotation) rotations")
      }
    }
  }

  /// osstorchconnector reads its file again instead, with 30 s left, and has a mount namespace.
  @Test(.needs(.root)) func `those that ask the loopback URI at the end of a session get the next one`() throws {
    let consumers = try ConsumerLab(
      [
        "uri-oss2", "container-minio", "container-rclone", "container-rclone-current", "container-restic",
        "osstorchconnector",
      ],
      lifetime: "5s",
      at: TCPSocket.freeAddress())
    var uses = try consumers.use()
    var seen = Set(uses.map(\.keyID))
    for _ in 1...3 {
      uses = try consumers.use(after: uses)
      for use in uses { #expect(use.keyID != nil && seen.insert(use.keyID).inserted, "\(use)") }
    }
  }

  /// The vendor's package keeps the signing key that it has derived from the old secret.
  @Test func `pyodps reads its file again, and signs with the old secret`() throws {
    let consumers = try ConsumerLab(["pyodps-file"], lifetime: "5s")
    let first = try consumers.use()
    let keyID = try #require(first[0].keyID, "\(first)")
    let second = try consumers.use(after: first)[0]
    #expect(second.error?.contains("was made with another secret") == true, "\(second)")
    #expect(second.error?.contains(keyID) == false)
  }

  @Test func `the document has the versions that are tried`() throws {
    let script = try #require(FileText.read("\(ConsumerProcess.repository)/.ci/consumers"))
    let document = try #require(FileText.read("\(ConsumerProcess.repository)/docs/consumers.md"))
    let rows = document.split(separator: "\n").filter { $0.hasPrefix("|") }
    let pins = script.split { $0 == " " || $0 == "\n" || $0 == "(" || $0 == ")" }.filter { $0.contains("==") }
      .map { $0.split(separator: "=") }.filter { $0[0] != "python-magic" && $0[0] != "alibabacloud_sts20150401" }
    #expect(pins.count > 10)
    for pin in pins {
      let names = [pin[0], pin[0] == "boto3" ? "botocore" : pin[0]]
      #expect(rows.contains { row in names.contains { row.contains($0) } && row.contains(pin[1]) }, "\(pin)")
    }
    for (program, words) in [("rclone", ["version"]), ("restic", ["version"]), ("docker", ["--version"])] {
      let run = try ChildProcess.run(["\(ConsumerProcess.root)/debian/usr/bin/\(program)"] + words)
      let numbers = run.output.split { !"0123456789.".contains($0) }.filter { $0.contains(".") }
      let version = try #require(numbers.first, "\(run)")
      #expect(rows.contains { $0.contains(program) && $0.contains(version) }, "\(program) \(version)")
    }
  }
}
