import Glibc

/// A directory of a test's own, mode 0755, gone with all it holds when the value is dropped.
package final class TemporaryDirectory: Sendable {
  package let path: String

  /// Makes it in `parent`; when that is nil, where TMPDIR says.
  package init(in parent: String? = nil) throws {
    let parent = parent ?? getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/rolekeeper-test.XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { throw DirectoryError(number: errno) }
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    // Other users' processes must reach what a test puts here for them.
    chmod(path, 0o755)
  }

  package func path(_ name: String) -> String { "\(path)/\(name)" }

  /// Writes `text` as a file of this directory and returns its path.
  @discardableResult
  package func write(_ text: String, to name: String, mode: UInt32 = 0o644) throws -> String {
    let target = path(name)
    let descriptor = open(target, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard descriptor >= 0 else { throw DirectoryError(number: errno) }
    defer { close(descriptor) }
    fchmod(descriptor, mode)
    var rest = Array(text.utf8)[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { throw DirectoryError(number: errno) }
      rest = rest.dropFirst(count)
    }
    return target
  }

  deinit { Self.remove(path) }

  /// Removes a tree without following links.
  private static func remove(_ path: String) {
    if unlink(path) == 0 { return }
    for name in FileNames.read(path) { remove("\(path)/\(name)") }
    rmdir(path)
  }
}

private struct DirectoryError: Error, CustomStringConvertible {
  let number: CInt

  var description: String { "temporary directory: \(String(cString: strerror(number)))" }
}
