import CLinux
import Glibc

/// A change that somebody else made to an output since it was written.
package struct OutputDrift: Hashable, Sendable {
  package let path: String
  /// The difference found: `mode 0644 instead of 0440`, `missing`.
  package let found: String
}

extension Directory {
  /// How others changed the symlink `name`, which pointed to `target`; nil if they didn't.
  func drift(ofLink name: String, to target: String) throws(FileOutputError) -> String? {
    if self.target(of: name) == target { return nil }
    guard let now = try status(of: name) else { return "missing" }
    return now.isSymlink ? "a link to something else" : now.isDirectory ? "a directory" : "a file instead of a link"
  }

  /// How others changed the file `name`, whose status was `before`; nil if they didn't.
  ///
  /// Any operation on a file changes the time of its last status change, which nobody can set.
  func drift(of name: String, from before: FileStatus) throws(FileOutputError) -> String? {
    guard let now = try status(of: name) else { return "missing" }
    if now == before { return nil }
    if now.mode & S_IFMT != before.mode & S_IFMT { return now.isDirectory ? "a directory" : "not a regular file" }
    var found: [String] = []
    if now.permissions != before.permissions {
      found.append("mode \(now.access.modeText) instead of \(before.access.modeText)")
    }
    if (now.uid, now.gid) != (before.uid, before.gid) {
      found.append("owner \(now.uid):\(now.gid) instead of \(before.uid):\(before.gid)")
    }
    if clinux_has_acl(descriptor, name) == 1 { found.append("an access control list") }
    if now.links != before.links { found.append("\(now.links) names instead of \(before.links)") }
    if (now.device, now.inode) != (before.device, before.inode) {
      found.append("another file")
    } else if now.size != before.size || now.written != before.written {
      found.append("other content")
    }
    // Mode and owner may have been changed and restored; somebody may have read the file in between.
    return found.isEmpty ? "a change that was undone" : found.joined(separator: ", ")
  }
}
