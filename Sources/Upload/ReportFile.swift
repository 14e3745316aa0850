import Core
import Glibc
import JSON

/// The file of `--report`: a row for each file, as CSV (RFC 4180, UTF-8, with a heading) or as a JSON array of objects, by its extension.
///
/// It is written to a temporary file and renamed, so that readers always find a complete one. It has the permissions of
/// any new file of the user (0666 without the umask): it is meant for others to read, and has no secret.
package struct ReportFile: Sendable {
  package enum Format: Sendable {
    case csv, json
  }

  package struct Failure: Error, Equatable, CustomStringConvertible {
    package let path: String
    package let why: String
    /// Whether the path is wrong, because another file would be overwritten.
    package let isMisplaced: Bool

    package var description: String { "report '\(path)': \(why)" }

    fileprivate init(_ path: String, _ why: String, isMisplaced: Bool = true) {
      self.path = path
      self.why = why
      self.isMisplaced = isMisplaced
    }

    fileprivate init(_ path: String, errno number: CInt) {
      self.init(path, "\(String(cString: strerror(number))); \(Self.fix(number))", isMisplaced: false)
    }

    private static func fix(_ number: CInt) -> String {
      switch number {
      case ENOENT, ENOTDIR: "make its directory, or name another place"
      case EACCES, EPERM: "let this user write in its directory, or name another place"
      case ENAMETOOLONG: "name a shorter one"
      case ENOSPC, EDQUOT: "make room, or name another place"
      default: OpenFileLimit.fix(number) ?? "name another place"
      }
    }
  }

  package let path: String
  package let format: Format
  /// The temporary file's path, with a hidden and unique name.
  private var draft: String {
    // Names have at most 255 bytes (NAME_MAX), which this one mustn't exceed.
    let name = FileName.last(of: path).unicodeScalars.prefix(40).reduce(into: "") { $0.unicodeScalars.append($1) }
    return "\(directory).\(name).\(getpid())"
  }

  /// With a slash at the end; empty for the working directory.
  private var directory: String {
    String(decoding: path.utf8.dropLast(FileName.last(of: path).utf8.count), as: UTF8.self)
  }

  /// Throws for a path that ends in neither `.csv` nor `.json`.
  package init(_ path: String) throws(Failure) {
    switch FileName.split(FileName.last(of: path)).suffix?.lowercased() {
    case "csv": format = .csv
    case "json": format = .json
    default:
      throw Failure(
        path, "its name ends in neither .csv nor .json, by which the format is chosen; write NAME.csv or NAME.json")
    }
    self.path = path
  }

  /// Throws if it can't be written, or would overwrite another file: that should be known before the first upload.
  ///
  /// `extensions` are those of videos, in lower case.
  package func check(extensions: Set<String>) throws(Failure) {
    var status = stat()
    if lstat(path, &status) == 0 {
      try checkReplaced(status)
    } else if errno != ENOENT {
      throw Failure(path, errno: errno)
    }
    if let video = InputScan.video(describedBy: path, extensions: extensions) {
      throw Failure(path, "the next run would take it for what describes '\(video)'; name another one")
    }
    let descriptor = try openDraft()
    close(descriptor)
    unlink(draft)
  }

  /// A file at its path must be an earlier report, or empty.
  private func checkReplaced(_ status: stat) throws(Failure) {
    if status.st_mode & S_IFMT == S_IFLNK { throw Failure(path, "it is a symbolic link; name the file itself") }
    guard status.st_mode & S_IFMT == S_IFREG else { throw Failure(path, "it is not a regular file; name another one") }
    guard status.st_size > 0 else { return }
    let descriptor = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC)
    guard descriptor >= 0 else { throw Failure(path, errno: errno) }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 1 << 16)
    let count = max(0, read(descriptor, &bytes, bytes.count))
    guard Self.isReport(bytes[..<count]) else {
      throw Failure(path, "it is there already, and no report of vod-upload; name another one, or move it away")
    }
  }

  /// Whether a file that begins with these bytes was written by `write`, in either format.
  private static func isReport(_ bytes: ArraySlice<UInt8>) -> Bool {
    if bytes.starts(with: ReportRow.csvHeader) { return true }
    let lines = bytes.split(separator: UInt8(ascii: "\n"), maxSplits: 2, omittingEmptySubsequences: false)
    guard lines.count > 1, lines[0].elementsEqual("[".utf8) else { return false }
    let row = String(decoding: lines[1], as: UTF8.self)
    return row == "]" || row.hasPrefix("{\"path\":\"") && row.contains(",\"status\":\"")
  }

  /// Whether `other` is the same file, or would be if one of them existed.
  package func isSame(as other: String) -> Bool {
    var (one, two) = (stat(), stat())
    if stat(path, &one) == 0, stat(other, &two) == 0 { return one.st_dev == two.st_dev && one.st_ino == two.st_ino }
    let name = FileName.last(of: other)
    let directory = String(decoding: other.utf8.dropLast(name.utf8.count), as: UTF8.self)
    guard FileName.last(of: path).utf8.elementsEqual(name.utf8) else { return false }
    return stat(self.directory.isEmpty ? "." : self.directory, &one) == 0
      && stat(directory.isEmpty ? "." : directory, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino
  }

  private func openDraft() throws(Failure) -> CInt {
    unlink(draft)
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0o666)
    guard descriptor >= 0 else { throw Failure(path, errno: errno) }
    return descriptor
  }

  /// Replaces the file, unless it is something else by now; of a failure nothing is left behind. If `isUrgent`, the disk isn't waited for:
  /// a power failure soon after may leave an empty file, and the next run writes the report again.
  package func write(_ rows: some Sequence<ReportRow>, isUrgent: Bool = false) throws(Failure) {
    var status = stat()
    if lstat(path, &status) == 0 { try checkReplaced(status) }
    let descriptor = try openDraft()
    do throws(Failure) {
      try fill(descriptor, rows)
      guard isUrgent || fsync(descriptor) == 0 else { throw Failure(path, errno: errno) }
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
