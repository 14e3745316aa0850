import CCurl
import Glibc

/// The CA file and the certificates last read from it.
struct Authorities {
  /// How long until an unusable file is read again unchanged, in µs: the file may not have been the cause.
  private static let retry: Int64 = 60_000_000

  private let file: String
  /// The version last checked, whether it could be used or not.
  private var version: FileVersion?
  /// When it was last read, in µs; nil as long as it is the version read at the start.
  private var lastRead: Int64?
  /// The certificates that servers are verified with; nil before any could be read.
  private(set) var certificates: Certificates?
  /// Why the present version isn't used.
  private(set) var problem: HTTPClientError?
  /// Since when no version could be used, in µs; nil while the present one is.
  private(set) var problemSince: Int64?

  init(file: String) {
    self.file = file
    version = FileVersion(file)
  }

  /// Whether the file should be read now: it has changed since the last time, or was unusable a minute ago. Costs one stat(2) on
  /// the loop's thread, and one read after a change: a few microseconds and 1 ms to 4 ms from a local disk. A network file system
  /// that hangs blocks both; the README mentions that. `now` is in µs.
  func isDue(at now: Int64) -> Bool {
    if FileVersion(file) != version { return true }
    return problem != nil && lastRead.map { now - $0 >= Self.retry } ?? true
  }

  /// Reads the present version. If it can't be used, the one before stays in force.
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

  /// Reads the file, or throws why it can't be used.
  mutating func read() throws(HTTPClientError) {
    guard let store = ccurl_authorities_read(file) else {
      throw .caFile(
        path: file, text: Self.whyUnreadable(file) ?? "it holds no certificate, or one that can't be read")
    }
    certificates = Certificates(store, number: (certificates?.number ?? 0) + 1)
  }

  /// Why the file can't be read; nil if it can, so that its content is the problem.
  private static func whyUnreadable(_ path: String) -> String? {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY)
    guard descriptor >= 0 else { return String(cString: strerror(errno)) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return "it isn't a regular file" }
    return nil
  }

  /// The certificates of one version of the file.
  final class Certificates {
    let store: OpaquePointer
    /// Unique for each version that was read.
    let number: Int

    fileprivate init(_ store: OpaquePointer, number: Int) {
      self.store = store
      self.number = number
    }

    /// How many certificates have been parsed, each when a server's chain first needed it.
    var parsed: Int { Int(ccurl_authorities_parsed(store)) }

    deinit { ccurl_authorities_free(store) }
  }
}
