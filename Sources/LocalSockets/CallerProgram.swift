import Core

/// The program of a calling process, for log lines, as the kernel reports it now.
package enum CallerProgram {
  /// Nil when the process is gone, or its number is another user's by now, or /proc hides it.
  package static func name(pid: Int32, uid: UInt32, proc: String = "/proc") -> String? {
    guard let directory = ProcessDirectory(pid, in: proc), directory.isOf(uid) else { return nil }
    return directory.program
  }

  /// Bytes other than printable ASCII, and the backslash, as `\xNN`.
  package static func escaped(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef")
    return bytes.reduce(into: "") { text, byte in
      if byte.isPrintable, byte != UInt8(ascii: "\\") {
        text.unicodeScalars.append(UnicodeScalar(byte))
      } else {
        text += "\\x\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }
    }
  }
}
