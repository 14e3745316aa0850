import Glibc

/// A failed call to libsystemd or the kernel that the loop or one of its sources needs.
package struct LoopError: Error, CustomStringConvertible {
  /// The attempted action, as the middle of a sentence: `watch descriptor 7`.
  package let attempt: String
  package let errno: CInt

  package init(attempt: String, errno: CInt) {
    self.attempt = attempt
    self.errno = errno
  }

  package var description: String { "event loop: \(cause)" }

  /// The same where it doesn't matter that the loop needed the call.
  package var cause: String { "cannot \(attempt): \(String(cString: strerror(errno)))" }
}

/// Throws if `code` is a negative errno, as libsystemd returns it; otherwise returns it.
@discardableResult
func check(_ code: CInt, _ attempt: @autoclosure () -> String) throws(LoopError) -> CInt {
  if code < 0 { throw LoopError(attempt: attempt(), errno: -code) }
  return code
}

/// For calls that can fail only by our own mistake, or because the loop has already ended (ESTALE), when nothing will be dispatched
/// any more and the change doesn't matter.
func must(_ code: CInt, _ attempt: StaticString) {
  precondition(code >= 0 || code == -ESTALE, "event loop: \(attempt) failed")
}
