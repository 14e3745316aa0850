import Core
import Glibc

/// The file of `--template`.
enum TemplateFile {
  struct Failure: Error, CustomStringConvertible {
    let path: String
    var line: Int?
    let reason: String

    var description: String { "template '\(path)'\(line.map { " line \($0)" } ?? ""): \(reason)" }
  }

  static func read(_ path: String) throws(Failure) -> CredentialTemplate {
    let bytes = try content(path)
    do throws(CredentialTemplate.Problem) { return try CredentialTemplate(bytes) } catch {
      throw Failure(path: path, line: error.line, reason: "it \(error.problem); \(error.remedy)")
    }
  }

  private static func content(_ path: String) throws(Failure) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw failure(path) }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var part = [UInt8](repeating: 0, count: 16 * 1024)
    while true {
      let count = Glibc.read(descriptor, &part, part.count)
      if count == 0 { return bytes }
      if count < 0 {
        if errno == EINTR { continue }
        throw failure(path)
      }
      bytes += part[..<count]
      guard bytes.count <= CredentialTemplate.maxBytes else {
        throw Failure(path: path, reason: "it has more than \(CredentialTemplate.maxBytes) bytes")
      }
    }
  }

  private static func failure(_ path: String) -> Failure {
    Failure(path: path, reason: "cannot read it: \(String(cString: strerror(errno)))")
  }
}
