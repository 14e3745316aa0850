/// Which commands a finding may propose: none that could break the host, whatever the settings name.
///
/// Only `/etc/rolekeeper` and what lies in it is ours to change. Elsewhere, `chmod go-w /tmp` or `chown root /home/alice` would
/// end the finding and the host's use with it.
enum SafeFix {
  static let home = "/etc/rolekeeper"

  static func isOurs(_ path: String) -> Bool { path == home || path.hasPrefix("\(home)/") }

  /// `command` for a file or directory of ours; for others where such files belong.
  static func change(_ path: String, by command: String) -> String {
    isOurs(path)
      ? "run: \(command) \(quoted(path))"
      : "keep it in \(home), or in another directory that root alone may write to, with all directories above"
  }

  /// The command that makes a directory of the daemon's own, with those above it root's.
  static func makeDirectory(_ path: String, user: String) -> String {
    "install -d -o \(quoted(user)) -m 0711 \(quoted(path))"
  }

  /// As a shell takes it for one word.
  static func quoted(_ word: String) -> String {
    let isPlain = word.utf8.allSatisfy { byte in
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
      case UInt8(ascii: "a")...UInt8(ascii: "z"): true
      default: "._/-@:+,".utf8.contains(byte)
      }
    }
    return isPlain && !word.isEmpty ? word : "'\(word.replacing("'", with: "'\\''"))'"
  }
}
