import Glibc

/// Joins parts into one file.
enum FileJoin {
  /// Copies `size` bytes from `start` in `source` to `end` in `target`.
  static func copy(from source: CInt, at start: Int, to target: CInt, at end: Int, size: Int) throws(StorageError) {
    var buffer = [UInt8](repeating: 0, count: min(size, 1 << 20))
    var done = 0
    while done < size {
      let count = pread(source, &buffer, min(buffer.count, size - done), start + done)
      guard count > 0, pwrite(target, buffer, count, end + done) == count else {
        throw StorageError(attempt: "copy a part", number: errno)
      }
      done += count
    }
  }
}
