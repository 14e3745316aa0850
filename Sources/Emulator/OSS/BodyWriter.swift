import Glibc
import Synchronization

/// Writes one body into a file as it arrives, and computes its checksums.
final class BodyWriter {
  /// A TLS record has 16 KiB; a few large writes are faster than many of these, and this size still fits into a processor's cache.
  private static let bufferSize = 256 << 10

  let file: StorageFile
  /// The body's offset in the file.
  let offset: Int
  private let descriptor: CInt
  private let buffer: UnsafeMutableRawBufferPointer
  /// How much of the buffer is used.
  private var filled = 0
  /// How much of the body is in the file.
  private var written = 0
  private var summer: ContentSummer
  /// Why the body can't be stored; nothing is written after that.
  private var failure: StorageError?

  init(_ file: StorageFile, at offset: Int = 0, withMD5: Bool, withSHA256: Bool = false) throws(StorageError) {
    self.file = file
    self.offset = offset
    descriptor = try file.open(O_WRONLY)
    buffer = BodyBuffers.take(size: Self.bufferSize)
    summer = ContentSummer(withMD5: withMD5, withSHA256: withSHA256)
  }

  deinit {
    BodyBuffers.putBack(buffer)
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

  /// For the whole body; to be called once.
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

/// Buffers for reuse: for a new one the system would have to clear its pages for each body.
private enum BodyBuffers {
  private static let most = 32
  /// Their addresses.
  private static let spare = Mutex<[UInt]>([])

  static func take(size: Int) -> UnsafeMutableRawBufferPointer {
    let address = spare.withLock { $0.popLast() }
    guard let base = address.flatMap({ UnsafeMutableRawPointer(bitPattern: $0) }) else {
      return .allocate(byteCount: size, alignment: 64)
    }
    return UnsafeMutableRawBufferPointer(start: base, count: size)
  }

  static func putBack(_ buffer: UnsafeMutableRawBufferPointer) {
    let address = UInt(bitPattern: buffer.baseAddress)
    let isKept = spare.withLock { spare in
      guard spare.count < most else { return false }
      spare.append(address)
      return true
    }
    if !isKept { buffer.deallocate() }
  }
}
