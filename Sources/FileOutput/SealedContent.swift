import CLinux
import Glibc
import Secrets

/// One output's new content on its way to the file, which may be written by another thread.
///
/// A `Secret` stays on the loop's thread. What is passed on is a nameless file in memory: the worker lets the kernel copy from it
/// into the output and never has the bytes in its own memory; they are gone with the last reference.
final class SealedContent: Sendable {
  /// Equal for equal bytes, within one output.
  let version: UInt64
  private let descriptor: CInt
  private let count: Int

  init(_ secret: Secret, version: UInt64) throws(FileOutputError) {
    let descriptor = clinux_memfd("rolekeeper-output")
    guard descriptor >= 0 else { throw .system(.handOver, path: "memory", errno: errno) }
    self.descriptor = descriptor
    self.version = version
    count = secret.count
    let failure = secret.withBytes { Self.fill(descriptor, with: $0) }
    if failure != 0 { throw .system(.handOver, path: "memory", errno: failure) }
  }

  /// The bytes of `file`, which never are in our own memory; its version is 0.
  init(copying file: CInt, count: Int) throws(FileOutputError) {
    let descriptor = clinux_memfd("rolekeeper-output")
    guard descriptor >= 0 else { throw .system(.handOver, path: "memory", errno: errno) }
    self.descriptor = descriptor
    self.count = count
    version = 0
    let failure = Self.copy(file, count, to: descriptor)
    if failure != 0 { throw .system(.handOver, path: "memory", errno: failure) }
  }

  deinit { close(descriptor) }

  /// Copies everything to the end of `file`. Returns 0 or an errno.
  func copy(to file: CInt) -> CInt { Self.copy(descriptor, count, to: file) }

  private static func copy(_ source: CInt, _ count: Int, to file: CInt) -> CInt {
    var offset: off_t = 0
    while offset < count {
      let copied = sendfile(file, source, &offset, count - Int(offset))
      if copied == 0 { return EIO }
      if copied < 0 && errno != EINTR { return errno }
    }
    return 0
  }

  private static func fill(_ descriptor: CInt, with bytes: Span<UInt8>) -> CInt {
    bytes.withUnsafeBytes { bytes in
      var written = 0
      while written < bytes.count {
        let count = write(descriptor, bytes.baseAddress! + written, bytes.count - written)
        if count < 0 && errno != EINTR { return errno }
        written += max(0, count)
      }
      return 0
    }
  }
}
