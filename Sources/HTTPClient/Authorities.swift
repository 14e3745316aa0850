/// The CA file and which version of it libcurl has read.
///
/// libcurl keeps the certificates that it read from a path, and sessions and connections that were verified by them, until it is
/// given another path. So each version goes by a spelling of the path of its own: `/etc/ca.pem`, `/./etc/ca.pem`, `/././etc/ca.pem`.
struct Authorities {
  /// So many versions later a spelling comes again, when nothing verified by the old one is left.
  private static let spellings = 64

  private let file: String
  /// As last looked at, whether it could be used or not.
  private var version: FileVersion?
  private var number = 0
  /// Why the version that lies there isn't used.
  private(set) var problem: HTTPClientError?

  init(file: String) {
    self.file = file
    version = FileVersion(file)
  }

  /// The path as libcurl is given it.
  var path: String {
    let dots = String(repeating: "./", count: number % Self.spellings)
    return file.hasPrefix("/") ? "/" + dots + file.dropFirst() : dots + file
  }

  /// Whether the file is another one than the last time; costs one stat(2).
  mutating func hasChanged() -> Bool {
    let present = FileVersion(file)
    defer { version = present }
    return present != version
  }

  mutating func tryNext() { number += 1 }

  /// What came of reading it under the path of `tryNext`; one that can't be used leaves the one before in force.
  mutating func note(_ problem: HTTPClientError?) {
    self.problem = problem
    if problem != nil { number -= 1 }
  }
}
