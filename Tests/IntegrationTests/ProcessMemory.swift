import Glibc
import TestSupport

/// The writable memory of another process, as root sees it.
struct ProcessMemory {
  struct Region {
    let range: Range<UInt>
    /// The VmFlags of proc_pid_smaps(5): `lo` locked, `dd` left out of core dumps.
    let flags: Set<Substring>
    let name: String
  }

  let regions: [Region]
  private let descriptor: CInt

  init(of pid: Int32) throws {
    descriptor = open("/proc/\(pid)/mem", O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0, let smaps = FileText.read("/proc/\(pid)/smaps") else {
      throw StreamError(attempt: "look into process \(pid)", number: errno)
    }
    var regions: [Region] = []
    var head: (range: Range<UInt>, name: String)?
    for line in smaps.split(separator: "\n") {
      let words = line.split(separator: " ")
      let ends = words[0].split(separator: "-").compactMap { UInt($0, radix: 16) }
      if ends.count == 2 {
        head = words[1].hasPrefix("rw") ? (ends[0]..<ends[1], words.count > 5 ? String(words[5]) : "") : nil
      } else if words[0] == "VmFlags:", let found = head {
        regions.append(Region(range: found.range, flags: Set(words.dropFirst()), name: found.name))
      }
    }
    self.regions = regions
  }

  func close() { Glibc.close(descriptor) }

  /// The most resident memory that a running process has had (VmHWM), in KiB; nil if it can't be read.
  static func peak(of pid: Int32) -> Int? {
    let lines = (FileText.read("/proc/\(pid)/status") ?? "").split(separator: "\n")
    let words = lines.first { $0.hasPrefix("VmHWM:") }?.split { $0 == " " || $0 == "\t" }
    return words?.dropFirst().first.flatMap { Int($0) }
  }

  /// How often `text` occurs in a region.
  func occurrences(of text: String, in region: Region) -> Int {
    let size = region.range.count
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: size, alignment: 16)
    defer { buffer.deallocate() }
    var got = 0
    while got < size {
      let count = pread(descriptor, buffer.baseAddress! + got, size - got, off_t(region.range.lowerBound) + off_t(got))
      guard count > 0 else { break }
      got += count
    }
    var found = 0
    var from = 0
    let needle = Array(text.utf8)
    while from + needle.count <= got,
      let hit = memchr(buffer.baseAddress! + from, CInt(needle[0]), got - from - needle.count + 1)
    {
      if memcmp(hit, needle, needle.count) == 0 { found += 1 }
      from = UnsafeMutableRawPointer(hit) - buffer.baseAddress! + 1
    }
    return found
  }
}
