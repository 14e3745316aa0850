import Glibc

/// This process's use of resources, as the kernel counts it; if a process isn't dumpable, others can't read this.
struct ProcessFigures {
  /// Memory of our own, in bytes (Anonymous of /proc/self/smaps_rollup).
  let anonymous: Int
  /// All resident memory, libraries' pages included, in bytes.
  let resident: Int
  let descriptors: Int

  /// Reads the figures; zero for those that can't be read.
  static func read() -> ProcessFigures {
    let rollup = text(of: "/proc/self/smaps_rollup")
    return ProcessFigures(
      anonymous: kilobytes(after: "Anonymous:", in: rollup) * 1024,
      resident: kilobytes(after: "Rss:", in: rollup) * 1024, descriptors: countDescriptors())
  }

  private static func kilobytes(after name: String, in text: String) -> Int {
    for line in text.split(separator: "\n") where line.hasPrefix(name) {
      return line.dropFirst(name.count).split(separator: " ").first.flatMap { Int($0) } ?? 0
    }
    return 0
  }

  private static func text(of path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4096)
    let count = bytes.withUnsafeMutableBytes { Glibc.read(descriptor, $0.baseAddress, $0.count) }
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }

  private static func countDescriptors() -> Int {
    guard let directory = opendir("/proc/self/fd") else { return 0 }
    defer { closedir(directory) }
    var count = 0
    while readdir(directory) != nil { count += 1 }
    // Without `.`, `..` and the directory's own descriptor.
    return max(0, count - 3)
  }
}
