import Core
import Glibc
import JSON

/// The file of `--report`: a row for each file, as CSV (RFC 4180, UTF-8, with a heading) or as a JSON array of objects, by its extension.
///
/// It is written beside its place and renamed there, so that whoever reads it finds a whole one. It gets the permissions that any new file of
/// the user's gets (0666 without the umask): it is made for others to read, and has no secret.
package struct ReportFile: Sendable {
  package enum Format: Sendable {
    case csv, json
  }

  package struct Failure: Error, Equatable, CustomStringConvertible {
    package let path: String
    package let why: String

    package var description: String { "report '\(path)': \(why)" }

    fileprivate init(_ path: String, _ why: String) {
      self.path = path
      self.why = why
    }
    fileprivate init(_ path: String, errno number: CInt) { self.init(path, String(cString: strerror(number))) }
  }

  package let path: String
  package let format: Format
  /// Beside it, under a hidden name that nobody else has.
  private var draft: String {
    let name = FileName.last(of: path)
    return "\(String(decoding: path.utf8.dropLast(name.utf8.count), as: UTF8.self)).\(name).\(getpid())"
  }

  /// Throws for a path that ends in neither `.csv` nor `.json`.
  package init(_ path: String) throws(Failure) {
    switch FileName.split(FileName.last(of: path)).suffix?.lowercased() {
    case "csv": format = .csv
    case "json": format = .json
    default: throw Failure(path, "its name ends in neither .csv nor .json, by which the format is chosen")
    }
    self.path = path
  }

  /// Throws where it can't be written: better known before the first upload than after the last.
  package func check() throws(Failure) {
    var status = stat()
    if lstat(path, &status) == 0, status.st_mode & S_IFMT != S_IFREG { throw Failure(path, "not a regular file") }
    let name = FileName.last(of: path)
    let directory = String(decoding: path.utf8.dropLast(name.utf8.count), as: UTF8.self)
    guard access(directory.isEmpty ? "." : directory, W_OK | X_OK) == 0 else { throw Failure(path, errno: errno) }
  }

  /// Replaces the file; of a failure nothing is left behind.
  package func write(_ rows: some Sequence<ReportRow>) throws(Failure) {
    unlink(draft)
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw Failure(path, errno: errno) }
    do throws(Failure) {
      try fill(descriptor, rows)
      guard fsync(descriptor) == 0 else { throw Failure(path, errno: errno) }
      close(descriptor)
    } catch {
      close(descriptor)
      unlink(draft)
      throw error
    }
    guard rename(draft, path) == 0 else {
      let number = errno
      unlink(draft)
      throw Failure(path, errno: number)
    }
  }

  private func fill(_ descriptor: CInt, _ rows: some Sequence<ReportRow>) throws(Failure) {
    var bytes = format == .csv ? ReportRow.csvHeader : Array("[".utf8)
    var isFirst = true
    for row in rows {
      switch format {
      case .csv: bytes += row.csv
      case .json:
        bytes += (isFirst ? "\n" : ",\n").utf8
        var json = JSONWriter(bytes)
        bytes = []
        row.write(to: &json)
        bytes = json.finish()
      }
      isFirst = false
      if bytes.count > 1 << 16 { try flush(&bytes, to: descriptor) }
    }
    if format == .json { bytes += "\n]\n".utf8 }
    try flush(&bytes, to: descriptor)
  }

  private func flush(_ bytes: inout [UInt8], to descriptor: CInt) throws(Failure) {
    var written = 0
    while written < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(descriptor, $0.baseAddress! + written, $0.count - written) }
      if count < 0 && errno == EINTR { continue }
      guard count >= 0 else { throw Failure(path, errno: errno) }
      written += count
    }
    bytes.removeAll(keepingCapacity: true)
  }
}
