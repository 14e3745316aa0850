import Glibc

/// Files of bytes that nothing can guess, nor mistake for others.
package enum RandomFile {
  private static let piece = 1 << 20

  /// Writes `size` bytes as the file at `path`, in the place of one that is there.
  package static func write(_ path: String, size: Int) throws {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw RandomFileError(path: path, number: errno) }
    defer { close(descriptor) }
    try append(to: descriptor, size: size, path)
  }

  private static func append(to descriptor: CInt, size: Int, _ path: String) throws {
    let source = open("/dev/urandom", O_RDONLY | O_CLOEXEC)
    guard source >= 0 else { throw RandomFileError(path: path, number: errno) }
    defer { close(source) }
    let room = UnsafeMutableRawBufferPointer.allocate(byteCount: min(max(size, 1), piece), alignment: 16)
    defer { room.deallocate() }
    var left = size
    while left > 0 {
      let count = read(source, room.baseAddress, min(left, room.count))
      guard count > 0, Glibc.write(descriptor, room.baseAddress, count) == count else {
        throw RandomFileError(path: path, number: errno)
      }
      left -= count
    }
  }

  /// Whether both can be read and have the same bytes.
  package static func areEqual(_ left: String, _ right: String) -> Bool {
    let paths: [String] = [left, right]
    let files = paths.map { path in open(path, O_RDONLY | O_CLOEXEC) }
    defer { for file in files where file >= 0 { close(file) } }
    var status = [stat(), stat()]
    guard files[0] >= 0, files[1] >= 0, fstat(files[0], &status[0]) == 0, fstat(files[1], &status[1]) == 0,
      status[0].st_size == status[1].st_size
    else { return false }
    let size = Int(status[0].st_size)
    guard size > 0 else { return true }
    let maps = files.map { mmap(nil, size, PROT_READ, MAP_PRIVATE, $0, 0) }
    defer { for map in maps where map != MAP_FAILED { munmap(map, size) } }
    guard let first = maps[0], let second = maps[1], first != MAP_FAILED, second != MAP_FAILED else { return false }
    return memcmp(first, second, size) == 0
  }
}

private struct RandomFileError: Error, CustomStringConvertible {
  let path: String
  let number: CInt

  var description: String { "cannot make '\(path)': \(String(cString: strerror(number)))" }
}
