import CCurl
import Glibc

/// The CA file and what was read of it last.
struct Authorities {
  /// How long until one that couldn't be used is read again as it is, in µs: what was wrong may not have been the file.
  private static let retry: Int64 = 60_000_000

  private let file: String
  /// As last looked at, whether it could be used or not.
  private var version: FileVersion?
  /// When it was read last, in µs; nil as long as it is as it was at the start.
  private var lastRead: Int64?
  /// What servers are verified by; nil before anything could be read.
  private(set) var certificates: Certificates?
  /// Why the version that lies there isn't used.
  private(set) var problem: HTTPClientError?
  /// Since when none of the versions could be used, in µs; nil while the one that lies there is.
  private(set) var problemSince: Int64?

  init(file: String) {
    self.file = file
    version = FileVersion(file)
  }

  /// Whether it is to be read now: it is another file than the last time, or couldn't be used a minute ago. Costs one stat(2)
  /// on the loop's thread, and a change one reading there: some microseconds and 1 ms to 4 ms from a local disk. A network file system that
  /// hangs stalls both; the README says so. `now` is in µs.
  func isDue(at now: Int64) -> Bool {
    if FileVersion(file) != version { return true }
    return problem != nil && lastRead.map { now - $0 >= Self.retry } ?? true
  }

  /// Reads the version that is there. One that can't be used leaves the one before in force.
  mutating func readAgain(at now: Int64) {
    version = FileVersion(file)
    lastRead = now
    do throws(HTTPClientError) {
      try read()
      (problem, problemSince) = (nil, nil)
    } catch {
      (problem, problemSince) = (error, problemSince ?? now)
    }
  }

  /// Reads it, or throws why it can't be used.
  mutating func read() throws(HTTPClientError) {
    guard let store = ccurl_authorities_read(file) else {
      throw .caFile(
        path: file, text: Self.whyUnreadable(file) ?? "it holds no certificate, or one that can't be read")
    }
    certificates = Certificates(store, number: (certificates?.number ?? 0) + 1)
  }

  /// Why the file can't be read; nil where it can, so that what is in it is to blame.
  private static func whyUnreadable(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { return String(cString: strerror(errno)) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return "it isn't a regular file" }
    return nil
  }

  /// What one version of the file holds.
  final class Certificates {
    let store: OpaquePointer
    /// Another one for each version that was read.
    let number: Int

    fileprivate init(_ store: OpaquePointer, number: Int) {
      self.store = store
      self.number = number
    }

    /// How many have been parsed, since a server's chain asked for them.
    var parsed: Int { Int(ccurl_authorities_parsed(store)) }

    deinit { ccurl_authorities_free(store) }
  }
}
