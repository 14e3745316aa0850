import Glibc
import JSON
import TestSupport

/// A reader that uses every credential that it gets: GetCallerIdentity at the emulator, signed by Python's own hmac.
package final class Reader {
  /// What a reader saw; every count but the first three is a fault of whoever served it.
  package struct Findings: CustomStringConvertible {
    package let seconds: Double
    package let reads: Int
    /// Credentials that STS took.
    package let used: Int
    /// Reads without a credential.
    package let refused: Int
    package let empty: Int
    /// Documents that weren't whole.
    package let torn: Int
    /// Credentials whose time was over when they came, or by the word of STS.
    package let expired: Int
    /// Credentials that STS refused for another reason, or couldn't be asked about.
    package let unused: Int
    /// The least life that a credential had left, in seconds.
    package let leastLeft: Double
    package let rotations: [String: Int]
    package let description: String

    package var faults: Int { refused + empty + torn + expired + unused }
  }

  private let child: ChildProcess
  private let roles: [String]

  /// Reads each role at the socket over and over, and each file, given by its path, of the JSON form.
  ///
  /// With `wait` the socket is asked to wait so many seconds for a session where there is none.
  package init(
    of roles: [String], files: [String] = [], at lab: Lab, wait: Int? = nil, interval: Double = 0.05,
    named name: String = "reader"
  ) throws {
    self.roles = roles
    let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    var words = [
      "/usr/bin/python3", "/\(root)/docs/demo/reader.py", "--socket", lab.draft.socketPath, "--sts",
      lab.emulator.endpoint, "--ca", lab.emulator.authorityPath, "--interval", "\(interval)",
    ]
    words += files.flatMap { ["--file", $0] }
    if let wait { words += ["--wait", "\(wait)"] }
    child = try ChildProcess(words + roles, in: lab.directory, named: name)
  }

  /// Ends it: status 0 when no credential was refused, none empty, and each role was seen to rotate; and what it saw.
  package func stop() -> (status: CInt, summary: String) {
    let status = child.stop()
    return (status, child.output + child.errors)
  }

  /// Ends it and reads what it saw; throws what it wrote when that can't be read.
  package func finish() throws -> Findings {
    let (status, summary) = stop()
    let text = Array(summary.utf8)
    guard status <= 1, let document = try? JSONDocument(text.span) else {
      throw ProgramEnded(name: "reader", status: status, errors: summary)
    }
    let root = document.root
    func number(_ name: String) -> Double { root[name]?.double ?? -1 }
    var rotations: [String: Int] = [:]
    for role in roles { rotations[role] = Int(root["rotations"]?[role]?.int ?? -1) }
    return Findings(
      seconds: number("seconds"), reads: Int(number("reads")), used: Int(number("used")),
      refused: Int(number("refused")), empty: Int(number("empty")), torn: Int(number("torn")),
      expired: Int(number("expired")), unused: Int(number("unused")), leastLeft: number("least_left"),
      rotations: rotations, description: summary)
  }
}

extension Lab {
  /// Where these roles have a file `credentials.json`.
  package func documents(of roles: [String]) -> [String] { roles.map { "\(draft.directory)/\($0)/credentials.json" } }
}
