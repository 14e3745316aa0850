import Laboratory
import TestSupport

/// How long a program of the vendor's package waits for its first credential.
extension Bench {
  private static let sdk = "alibabacloud_credentials"

  func measureFirstCredential(_ report: inout Report) throws {
    let title = "The first credential of a Python process"
    guard let python = try VendorPython.path() else {
      return report.add(title, "Not measured: \(Self.sdk) isn't installed here and can't be.", [])
    }
    let stage = try Stage()
    try stage.start()
    let program = [python, "\(VendorPython.sources)/Benchmarks/FirstCredential/main.py"]
    func run(_ words: [String]) throws -> Double {
      let key = RealmDraft.key
      let run = try ChildProcess.run(
        program + words,
        environment: [
          "PATH": "/usr/bin:/bin", "HOME": stage.lab.directory.path, "ACCESS_KEY_ID": key.id,
          "ACCESS_KEY_SECRET": key.secret,
        ])
      guard run.status == 0 else { throw BenchError("\(Self.sdk): \(run.errors.suffix(500))") }
      return try Figures(run.output)["seconds"] * 1000
    }
    let get = "\(Programs.commandLine) --socket \(stage.socket) get role-00000"
    let found = try interleaved(
      rounds: form.starts,
      [
        { try run(["external", get]) },
        { try run(["assume-role", stage.lab.emulator.endpoint, Stage.roleARN, stage.lab.draft.authorityPath]) },
      ])
    report.add(
      title,
      """
      \(Self.sdk): ExternalCredentialsProvider with `rolekeeper get`, beside RamRoleArnCredentialsProvider at the same emulator, 0 ms away. From making \
      the provider to the credential, each in a process of its own, without the imports; medians of \(form.starts) processes each.
      """,
      [
        .compared(
          "python-first-credential", "ms", found[0], with: found[1], beside: "the SDK's own AssumeRole",
          target: .ratioAtMost(0.5))
      ])
  }
}
