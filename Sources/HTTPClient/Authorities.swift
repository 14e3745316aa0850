/// The CA file and which version of it libcurl has read.
///
/// libcurl keeps the certificates that it read from a path, and sessions and connections that were verified by them, until it is
/// given another path. So each version goes by a spelling of the path of its own: `/etc/ca.pem`, `/./etc/ca.pem`, `/././etc/ca.pem`.
struct Authorities {
  /// So many versions later a spelling comes again, when nothing verified by the old one is left.
  private static let spellings = 64
  /// How long until one that couldn't be used is read again as it is, in µs: what was wrong may not have been the file.
  private static let retry: Int64 = 60_000_000

  private let file: String
  /// As last looked at, whether it could be used or not.
  private var version: FileVersion?
  private var number = 0
  /// When it was read last, in µs; nil as long as it is as it was at the start.
  private var lastRead: Int64?
  /// Why the version that lies there isn't used.
  private(set) var problem: HTTPClientError?
  /// Since when none of the versions could be used, in µs; nil while the one that lies there is.
  private(set) var problemSince: Int64?

  init(file: String) {
    self.file = file
    version = FileVersion(file)
  }

  /// The path as libcurl is given it.
  var path: String {
    let dots = String(repeating: "./", count: number % Self.spellings)
    return file.hasPrefix("/") ? "/" + dots + file.dropFirst() : dots + file
  }

  /// Whether it is to be read now: it is another file than the last time, or couldn't be used a minute ago. Costs one stat(2)
  /// on the loop's thread, and a change one reading there by libcurl, which has no other way to come by certificates that it keeps: some
  /// microseconds and 20 ms from a local disk. A network file system that hangs stalls both; the README says so. `now` is in µs.
  func isDue(at now: Int64) -> Bool {
    if FileVersion(file) != version { return true }
    return problem != nil && lastRead.map { now - $0 >= Self.retry } ?? true
  }

  /// Goes on to a path of its own for the version that is there, which is to be read next.
  mutating func tryNext(at now: Int64) {
    version = FileVersion(file)
    number += 1
    lastRead = now
  }

  /// What came of reading it under the path of `tryNext`; one that can't be used leaves the one before in force.
  mutating func note(_ problem: HTTPClientError?) {
    self.problem = problem
    problemSince = problem == nil ? nil : problemSince ?? lastRead
    if problem != nil { number -= 1 }
  }
}
