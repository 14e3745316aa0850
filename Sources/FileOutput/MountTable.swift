import Glibc

/// Which file systems are in memory, by the kernel's list of mounts (proc_pid_mountinfo(5)).
///
/// Read instead of calling statfs(2) for each path: that call would hang on a stuck disk or server.
package struct MountTable: Sendable {
  private let mounts: [(point: String, type: String)]

  /// The mounts that this process sees now. If they can't be read, everything counts as a disk.
  package static func current() -> MountTable { MountTable(contents(of: "/proc/self/mountinfo")) }

  init(_ text: String) {
    mounts = text.split(separator: "\n").compactMap { line in
      let fields = line.split(separator: " ")
      // Optional fields, their number unknown, end with a dash.
      guard let dash = fields.firstIndex(of: "-"), dash > 5, dash + 1 < fields.count else { return nil }
      return (Self.unescaped(fields[4]), String(fields[dash + 1]))
    }
  }

  /// Whether writing below `directory` can't block on a device. The path has no symlinks; otherwise it isn't written to at all.
  package func isInMemory(_ directory: String) -> Bool {
    var best: (point: String, type: String)?
    // Of several mounts at one point the last one hides the others.
    for mount in mounts
    where Self.contains(mount.point, directory) && mount.point.utf8.count >= best?.point.utf8.count ?? 0 {
      best = mount
    }
    return best?.type == "tmpfs" || best?.type == "ramfs"
  }

  private static func contains(_ point: String, _ path: String) -> Bool {
    point == "/" || path == point || path.hasPrefix(point + "/")
  }

  /// Blank, tab, line feed and backslash are escaped as three octal digits.
  private static func unescaped(_ field: Substring) -> String {
    var bytes: [UInt8] = []
    var rest = Array(field.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\"), rest.count >= 3,
        let code = UInt8(String(decoding: rest.prefix(3), as: UTF8.self), radix: 8)
      {
        bytes.append(code)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }

  private static func contents(of path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes: [UInt8] = []
    var room = [UInt8](repeating: 0, count: 16384)
    while true {
      let count = read(descriptor, &room, room.count)
      guard count > 0 else { break }
      bytes.append(contentsOf: room[..<count])
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
