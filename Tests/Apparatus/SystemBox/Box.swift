import Glibc
import TestSupport

/// A real systemd in a throwaway system of its own (Tests/Tools/box). It is gone with this process at the latest.
package final class Box: Sendable {
  package static let tool =
    "/" + (#filePath.split(separator: "/").dropLast(3) + ["Tools", "box", "box"]).joined(separator: "/")

  package let name: String

  /// Boots it; `options` are those of the tool's `up`.
  package init(_ purpose: String = "host", options: [String] = []) throws {
    name = "\(purpose)-\(getpid())"
    try succeed(["up", "--owner", "\(getpid())", "--limit", "1200"] + options, "boot it")
  }

  deinit {
    // A box that doesn't go now goes with its owner.
    _ = try? call(["down", "--now"])
  }

  /// Shuts it down and boots it again, with the files that it has by then.
  package func reboot() throws { try succeed(["reboot"], "reboot it") }

  /// Runs a program in the box, beside its units, as root or as `user` with that user's groups.
  package func run(_ command: [String], as user: String? = nil) throws -> Output {
    try call(["exec"] + (user.map { ["--user", $0] } ?? []) + ["--"] + command)
  }

  /// Runs a script of bash's.
  package func script(_ text: String, as user: String? = nil) throws -> Output {
    try run(["bash", "-c", text], as: user)
  }

  /// Runs a script that has to succeed, and returns what it printed, without the line feed at the end.
  @discardableResult
  package func ask(_ text: String, as user: String? = nil) throws -> String {
    let result = try script("set -eo pipefail\n\(text)", as: user)
    guard result.status == 0 else { throw BoxError(attempt: text, said: result.errors + result.output) }
    return result.line
  }

  /// Copies a file, or what a directory holds, into the box.
  package func copy(_ source: String, to target: String) throws {
    try succeed(["copy", source, target], "copy \(source)")
  }

  /// The socket of the box's journal, for entries that are sent from outside of it.
  package var journalSocket: String {
    get throws {
      // Lines of a process's part and its number.
      let status = try call(["status"])
      let words = status.output.split { " \n".contains($0) }
      guard let place = words.firstIndex(of: "init"), place + 1 < words.count else {
        throw BoxError(attempt: "find its init", said: status.errors + status.output)
      }
      return "/proc/\(words[place + 1])/root/run/systemd/journal/socket"
    }
  }

  private func succeed(_ words: [String], _ attempt: String) throws {
    let result = try call(words)
    guard result.status == 0 else { throw BoxError(attempt: attempt, said: result.errors) }
  }

  /// Calls the tool with this box's name.
  package func call(_ words: [String]) throws -> Output {
    let result = try ChildProcess.run([Self.tool, "--name", name] + words)
    return Output(status: result.status, output: result.output, errors: result.errors)
  }
}

/// How a program in the box ended, and what it printed.
package struct Output {
  package let status: CInt
  package let output: String
  package let errors: String

  /// The output without the line feed at its end.
  package var line: String { output.last == "\n" ? String(output.dropLast()) : output }
}

package struct BoxError: Error, CustomStringConvertible {
  let attempt: String
  package let said: String

  package init(attempt: String, said: String) {
    self.attempt = attempt
    self.said = said
  }

  package var description: String { "in the box: cannot \(attempt): \(said)" }
}
