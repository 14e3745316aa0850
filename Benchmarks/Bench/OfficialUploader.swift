import Glibc
import Laboratory
import TestSupport

/// The vendor's Python packages, which upload the same files by four threads.
struct OfficialUploader {
  static let name = "alibabacloud_vod20170321 + oss2"

  private let python: String

  /// nil where they aren't installed and can't be.
  init?() throws {
    guard let path = try VendorPython.path() else { return nil }
    python = path
  }

  /// Uploads what is in `folder`; how many files a second. Its start doesn't count.
  func rate(of folder: String, at stage: UploadStage) throws -> Double {
    let session = try stage.session()
    let run = try ChildProcess.run(
      [python, "\(VendorPython.sources)/Benchmarks/OfficialUploader/main.py", stage.emulator.endpoint, folder],
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
