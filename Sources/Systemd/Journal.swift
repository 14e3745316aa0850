import CSystemd
import Glibc

/// One entry of the journal with named fields, in the journal's own protocol (systemd.io/JOURNAL_NATIVE_PROTOCOL).
package struct JournalEntry {
  private var bytes: [UInt8] = []

  package init() { add("SYSLOG_IDENTIFIER", String(cString: csystemd_program_name())) }

  /// Adds a field. `name` consists of A–Z, 0–9 and `_`, and doesn't begin with `_` (systemd.journal-fields(7)); `value` may contain
  /// anything, even line feeds.
  package mutating func add(_ name: String, _ value: String) {
    let lineFeed = UInt8(ascii: "\n")
    bytes += name.utf8
    if value.utf8.contains(lineFeed) {
      bytes.append(lineFeed)
      withUnsafeBytes(of: UInt64(value.utf8.count).littleEndian) { bytes += $0 }
    } else {
      bytes.append(UInt8(ascii: "="))
    }
    bytes += value.utf8
    bytes.append(lineFeed)
  }

  /// Sends the entry to the socket at `path`, without ever waiting: sd_journal_sendv(3) waits for a journal that doesn't read, and
  /// with it the loop. False if it wasn't delivered, since the journal's queue is full or nobody is listening.
  package func send(to path: String = Journal.path) -> Bool { csystemd_journal_now(path, bytes, bytes.count) == 0 }
}

package enum Journal {
  package static let path = "/run/systemd/journal/socket"

  /// Whether stderr is the stream that the service manager connected to the journal (JOURNAL_STREAM, systemd.exec(5)).
  package static var isConnected: Bool {
    guard let stream = getenv("JOURNAL_STREAM") else { return false }
    var status = stat()
    guard fstat(STDERR_FILENO, &status) == 0 else { return false }
    return names(String(cString: stream), device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }

  /// Whether `stream`, as `DEVICE:INODE` in decimal, is that file.
  static func names(_ stream: String, device: UInt64, inode: UInt64) -> Bool { stream == "\(device):\(inode)" }
}
