import CMicroHTTPD
import Glibc

/// An open file that is sent as an answer's body.
final class AnswerFile: Sendable {
  let descriptor: CInt
  /// The first byte that is sent.
  let start: Int
  let size: Int

  /// Takes ownership of the descriptor.
  init(_ descriptor: CInt, from start: Int = 0, size: Int) {
    self.descriptor = descriptor
    self.start = start
    self.size = size
  }

  deinit { close(descriptor) }
}

/// A response with a file's bytes, read as they are sent.
func fileResponse(_ file: AnswerFile) -> OpaquePointer? {
  MHD_create_response_from_callback(
    UInt64(file.size), 256 << 10,
    { file, position, target, capacity in
      guard let file, let target else { return Int(-2) }
      let opened = Unmanaged<AnswerFile>.fromOpaque(file).takeUnretainedValue()
      let count = pread(opened.descriptor, target, capacity, off_t(opened.start) + off_t(position))
      // -2 is MHD_CONTENT_READER_END_WITH_ERROR, a cast that Swift doesn't import.
      return count > 0 ? count : Int(-2)
    }, Unmanaged.passRetained(file).toOpaque(),
    { file in if let file { Unmanaged<AnswerFile>.fromOpaque(file).release() } })
}
