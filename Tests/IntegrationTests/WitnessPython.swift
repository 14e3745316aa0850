import Glibc
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
}
