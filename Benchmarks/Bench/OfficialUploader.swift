import Glibc
import Laboratory
import TestSupport

/// The vendor's Python packages, which upload the same files by four threads.
struct OfficialUploader {
  static let name = "alibabacloud_vod20170321 + oss2"
  private static let sources = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

  private let python: String

  /// nil where they aren't installed and can't be.
  init?() throws {
    if let known = getenv("WITNESS_PYTHON").map({ String(cString: $0) }), !known.isEmpty {
      python = known
      return
    }
    let home = getenv("HOME").map { String(cString: $0) } ?? "/tmp"
    let made = try ChildProcess.run(
      ["\(Self.sources)/.ci/witness"], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": home])
    guard made.status == 0, let path = made.output.split(separator: "\n").last else { return nil }
    python = String(path)
  }

  /// Uploads what is in `folder`; how many files a second. Its start doesn't count.
  func rate(of folder: String, at stage: UploadStage) throws -> Double {
    let session = try stage.session()
    let run = try ChildProcess.run(
      [python, "\(Self.sources)/Benchmarks/OfficialUploader/main.py", stage.emulator.endpoint, folder],
      environment: [
        "PATH": "/usr/bin:/bin", "NO_PROXY": "*", "REQUESTS_CA_BUNDLE": stage.emulator.authorityPath,
        "ALIBABA_CLOUD_ACCESS_KEY_ID": session.keyID, "ALIBABA_CLOUD_ACCESS_KEY_SECRET": session.secret,
        "ALIBABA_CLOUD_SECURITY_TOKEN": session.token,
      ])
    guard run.status == 0 else { throw BenchError("the vendor's uploader: \(run.errors.suffix(500))") }
    let figures = Figures(run.output)
    return try figures["files"] / figures["seconds"]
  }
}
