import Core
import Glibc

/// The program of a calling process, for log lines, as the kernel reports it now.
///
/// The path of its executable where that may be read (root, and processes of the daemon's own user: ptrace(2), access mode checking), else
/// `comm` of proc(5), its name of 15 bytes at most, which the process can change. Nothing when the process is gone, when its number is
/// another user's by now, or where /proc hides other users' processes (`ProtectProc=invisible`, which the unit does without for this).
enum CallerProgram {
  private static let longest = 255

  static func name(pid: Int32, uid: UInt32, proc: String = "/proc") -> String? {
    // 0: the process is outside of our pid namespace.
    guard pid > 0 else { return nil }
    // This descriptor stays bound to the process: if another one gets its number, nothing can be read through it (ESRCH).
    let directory = open("\(proc)/\(pid)", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { return nil }
    defer { close(directory) }
    guard let status = content(directory, "status", size: 4096), isOf(uid, status) else { return nil }
    return (link(directory, "exe") ?? content(directory, "comm")).map(escaped)
  }

  /// Bytes other than printable ASCII, and the backslash, as `\xNN`.
  static func escaped(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef")
    return bytes.reduce(into: "") { text, byte in
      if byte.isPrintable, byte != UInt8(ascii: "\\") {
        text.unicodeScalars.append(UnicodeScalar(byte))
      } else {
        text += "\\x\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
      }
    }
  }

  /// Whether the user is among the real, effective, saved and file system user in a process's `status` (proc(5)).
  private static func isOf(_ uid: UInt32, _ status: [UInt8]) -> Bool {
    let digits = Array("\(uid)".utf8)
    let line = status.split(separator: UInt8(ascii: "\n")).first { $0.starts(with: "Uid:".utf8) }
    return line?.dropFirst(4).split(separator: UInt8(ascii: "\t")).contains { $0.elementsEqual(digits) } == true
  }

  private static func link(_ directory: CInt, _ name: String) -> [UInt8]? {
    filled { readlinkat(directory, name, $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count) }
  }

  /// The first `size` bytes of a file, without a line feed at their end.
  private static func content(_ directory: CInt, _ name: String, size: Int = longest) -> [UInt8]? {
    let descriptor = openat(directory, name, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return nil }
    defer { close(descriptor) }
    // The name may contain line feeds; only the last one is the file's.
    let bytes = filled(size) { read(descriptor, $0.baseAddress, $0.count) }
    return bytes.map { $0.last == UInt8(ascii: "\n") ? $0.dropLast() : $0 }
  }

  private static func filled(_ size: Int = longest, _ call: (UnsafeMutableRawBufferPointer) -> Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: size)
    let count = bytes.withUnsafeMutableBytes(call)
    return count > 0 ? Array(bytes.prefix(count)) : nil
  }
}
