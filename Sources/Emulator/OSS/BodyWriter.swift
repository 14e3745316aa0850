import Glibc

/// Writes one body into a file while it comes, and sums it up.
final class BodyWriter {
  /// A TLS record holds 16 KiB; the system takes a few large writes faster than many of these, and this much still fits
  /// into a processor's own memory.
  private static let bufferSize = 256 << 10

  let file: StorageFile
  /// Where in the file the body begins.
  let offset: Int
  private let descriptor: CInt
  private let buffer: UnsafeMutableRawBufferPointer
  /// How much of the buffer is filled.
  private var filled = 0
  /// How much of the body is in the file.
  private var written = 0
  private var summer: ContentSummer
  /// Why the body can't be kept; nothing is written after it.
  private var failure: StorageError?

  /// `length` is how much is expected; nil when that isn't known.
  init(_ file: StorageFile, at offset: Int = 0, length: Int?, withMD5: Bool) throws(StorageError) {
    self.file = file
    self.offset = offset
    descriptor = try file.open(O_WRONLY)
    buffer = .allocate(byteCount: max(1, min(length ?? .max, Self.bufferSize)), alignment: 64)
    summer = ContentSummer(withMD5: withMD5)
  }

  deinit {
    buffer.deallocate()
    close(descriptor)
  }

  func append(_ bytes: UnsafeRawBufferPointer) {
    var rest = bytes
    while !rest.isEmpty {
      let count = min(rest.count, buffer.count - filled)
      UnsafeMutableRawBufferPointer(rebasing: buffer[filled...])
        .copyMemory(from: UnsafeRawBufferPointer(rebasing: rest[..<count]))
      filled += count
      rest = UnsafeRawBufferPointer(rebasing: rest[count...])
      if filled == buffer.count { flush() }
    }
  }

  /// Of the whole body; to be called once.
  func finish() throws(StorageError) -> ContentSum {
    flush()
    if let failure { throw failure }
    return summer.sum()
  }

  private func flush() {
    var rest = UnsafeRawBufferPointer(rebasing: buffer[..<filled])
    filled = 0
    guard failure == nil else { return }
    summer.update(rest)
    while !rest.isEmpty {
      let count = pwrite(descriptor, rest.baseAddress, rest.count, offset + written)
      guard count >= 0 || errno == EINTR else {
        failure = StorageError(attempt: "write '\(file.path)'", number: errno)
        return
      }
      written += max(0, count)
      rest = UnsafeRawBufferPointer(rebasing: rest[max(0, count)...])
    }
  }
}
