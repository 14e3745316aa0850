import CSystemd
import Glibc

/// One entry of the journal with named fields.
package struct JournalEntry {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []

  package init() {}

  /// Adds a field. `name` is made of A–Z, 0–9 and `_`, and doesn't begin with `_` (systemd.journal-fields(7));
  /// `value` may hold anything, line feeds too.
  package mutating func add(_ name: String, _ value: String) {
    bytes.append(contentsOf: name.utf8)
    bytes.append(UInt8(ascii: "="))
    bytes.append(contentsOf: value.utf8)
    ends.append(bytes.count)
  }

  /// Hands the entry over. Without a journal it vanishes, and that can't be told from the result of the call:
  /// ask `Journal.isConnected` first.
  package mutating func send() {
    bytes.withUnsafeMutableBytes { bytes in
      var start = 0
      let fields = ends.map { end in
        defer { start = end }
        return iovec(iov_base: bytes.baseAddress! + start, iov_len: end - start)
      }
      _ = sd_journal_sendv(fields, CInt(fields.count))
    }
  }
}

package enum Journal {
  /// Whether stderr is the stream that the service manager connected to the journal (JOURNAL_STREAM, systemd.exec(5)).
  package static var isConnected: Bool {
    guard let stream = getenv("JOURNAL_STREAM") else { return false }
    var status = stat()
    guard fstat(STDERR_FILENO, &status) == 0 else { return false }
    return names(String(cString: stream), device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }

  /// Whether `stream`, as `DEVICE:INODE` in decimal, is that very file.
  static func names(_ stream: String, device: UInt64, inode: UInt64) -> Bool { stream == "\(device):\(inode)" }
}
