import Glibc
import TestSupport

/// A reader that uses every credential that it gets: GetCallerIdentity at the emulator, signed by Python's own hmac.
package final class Reader {
  private let child: ChildProcess

  /// Reads the roles at the socket, and the files; every 50 ms each.
  package init(of roles: [String], files: [String] = [], at lab: Lab) throws {
    let root = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    child = try ChildProcess(
      [
        "/usr/bin/python3", "/\(root)/docs/demo/reader.py", "--socket", lab.draft.socketPath, "--sts",
        lab.emulator.endpoint, "--ca", lab.emulator.authorityPath, "--interval", "0.05",
      ] + files.flatMap { ["--file", $0] } + roles, in: lab.directory, named: "reader")
  }

  /// Ends it: status 0 when no credential was refused, none empty, and each role was seen to rotate; and what it saw.
  package func stop() -> (status: CInt, summary: String) {
    let status = child.stop()
    return (status, child.output + child.errors)
  }
}
