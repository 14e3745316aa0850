import Glibc
import Laboratory
import TestSupport

/// Runs scripts by the Python that has the vendor's packages (`WITNESS_PYTHON`).
enum WitnessPython {
  /// What the script wrote; what it wrote to standard error where that was all.
  static func run(_ script: String, _ words: [String], environment: [String: String] = [:]) throws -> String {
    var variables = ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin"]
    variables.merge(environment) { $1 }
    let run = try ChildProcess.run(
      [String(cString: getenv("WITNESS_PYTHON")), "-c", script] + words, environment: variables)
    return run.output.isEmpty ? run.errors : run.output
  }

  /// With these variables the vendor's credentials package takes a role's session from `rolekeeper get`, an external program by the
  /// configuration that it shares with the vendor's command line.
  static func environment(withSessionOf role: String, from lab: Lab) throws -> [String: String] {
    mkdir(lab.directory.path(".aliyun"), 0o700)
    try lab.directory.write(
      """
      {"current": "default", "profiles": [{"name": "default", "mode": "External",
        "process_command": "\(Programs.commandLine) --socket \(lab.draft.socketPath) get \(role)"}]}
      """, to: ".aliyun/config.json")
    return ["HOME": lab.directory.path, "ALIBABA_CLOUD_ECS_METADATA_DISABLED": "true"]
  }
}
