import Core
import Glibc

/// The environment as users mean it.
package enum Environment {
  /// Nil for a variable that isn't set or is empty: a shell that clears one with `NAME=` means that.
  package static func value(_ name: String) -> String? {
    guard let text = getenv(name), text.pointee != 0 else { return nil }
    return String(cString: text)
  }

  /// The path of the daemon's socket, unless the command line names another.
  package static var socketPath: String { value("ROLEKEEPER_SOCKET") ?? StandardPath.socket }
}
