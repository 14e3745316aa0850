import Glibc
import TestSupport

/// A real systemd in a throwaway container, by the script that SYSTEMD_BOX_TOOL names. It is gone with this process at the latest.
final class Box: Sendable {
  private let tool: String
  private let name = "rolekeeper-\(getpid())"

  init() throws {
    guard let tool = getenv("SYSTEMD_BOX_TOOL") else { throw BoxError(attempt: "find SYSTEMD_BOX_TOOL", said: "") }
    self.tool = String(cString: tool)
    try succeed(["up", "--owner", "\(getpid())", "--max-seconds", "900"], "boot it")
  }

  deinit {
    // A box that doesn't go now goes with its owner.
    _ = try? call(["down", "--now"])
  }

  /// Runs a program in the box, beside its units, as root or as `user` with that user's groups.
  func run(_ command: [String], as user: String? = nil) throws -> Output {
    try call(["exec"] + (user.map { ["--user", $0] } ?? []) + ["--"] + command)
  }

  /// Runs a script of bash's.
  func script(_ text: String, as user: String? = nil) throws -> Output {
    try run(["bash", "-c", text], as: user)
  }

  /// Runs a script that has to succeed, and returns what it printed, without the line feed at the end.
  @discardableResult
  func ask(_ text: String, as user: String? = nil) throws -> String {
    let result = try script("set -eo pipefail\n\(text)", as: user)
    guard result.status == 0 else { throw BoxError(attempt: text, said: result.errors + result.output) }
    return result.line
  }

  /// Copies a file, or what a directory holds, into the box.
  func copy(_ source: String, to target: String) throws {
    try succeed(["cp", source, target], "copy \(source)")
  }

  private func succeed(_ words: [String], _ attempt: String) throws {
    let result = try call(words)
    guard result.status == 0 else { throw BoxError(attempt: attempt, said: result.errors) }
  }

  private func call(_ words: [String]) throws -> Output {
    let result = try ChildProcess.run([tool, "--name", name] + words)
    return Output(status: result.status, output: result.output, errors: result.errors)
  }
}

/// How a program in the box ended, and what it printed.
struct Output {
  let status: CInt
  let output: String
  let errors: String

  /// The output without the line feed at its end.
  var line: String { output.last == "\n" ? String(output.dropLast()) : output }
}

struct BoxError: Error, CustomStringConvertible {
  let attempt: String
  let said: String

  var description: String { "in the box: cannot \(attempt): \(said)" }
}
