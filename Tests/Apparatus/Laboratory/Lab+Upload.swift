import TestSupport

extension Lab {
  /// Starts vod-upload as `role`, nil to name none, with `words` and what it needs to find this cloud. `journal` is a name in this lab's directory, `name` that of its
  /// output and of its report, which differs from run to run.
  package func upload(
    _ words: [String], role: String?, journal: String, named name: String, wrapper: [String] = [],
    environment: [String: String] = [:]
  ) throws -> UploadProcess {
    var variables = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
    variables.merge(environment) { $1 }
    let report = directory.path("report-\(name).json")
    let child = try ChildProcess(
      wrapper + [
        Programs.uploader, "--socket", draft.socketPath, "--vod-endpoint", emulator.endpoint, "--ca-file",
        emulator.authorityPath, "--journal", directory.path(journal), "--report", report,
      ] + (role.map { ["--role", $0] } ?? []) + words, environment: variables, in: directory, named: name)
    return UploadProcess(child, journalPath: directory.path(journal), reportPath: report)
  }
}
