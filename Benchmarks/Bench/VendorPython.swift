import Glibc
import TestSupport

/// The Python that has the vendor's packages.
enum VendorPython {
  /// The directory of this repository.
  static let sources = "/" + #filePath.split(separator: "/").dropLast(3).joined(separator: "/")

  /// Its path; nil where the packages aren't installed and can't be.
  static func path() throws -> String? {
    if let known = getenv("WITNESS_PYTHON").map({ String(cString: $0) }), !known.isEmpty { return known }
    let home = getenv("HOME").map { String(cString: $0) } ?? "/tmp"
    let made = try ChildProcess.run(
      ["\(sources)/.ci/witness"], environment: ["PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": home])
    guard made.status == 0 else { return nil }
    return made.output.split(separator: "\n").last.map(String.init)
  }
}
