/// Where systemd puts what LoadCredential= and its like pass to a service (systemd.exec(5), "Credentials").
///
/// It alone writes there, as root, and lets the service's user read what it put there: up to systemd 252 that user owns the files, with mode 0400;
/// later ones are root's, with mode 0440 and an ACL with that user (tried on 252 and 257). Modes and owners can't be changed there.
package enum CredentialsDirectory {
  /// The directory of the services' own directories; root's alone.
  private static let all = "/run/credentials/"

  /// Whether `path` is a file of one, be it that of the calling process, `own`, or any other service's.
  package static func holds(_ path: String, own: String? = SystemHost().credentialsDirectory) -> Bool {
    if let own, PathText.directory(of: path) == own { return true }
    let parts = path.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    let plain = parts.dropFirst().allSatisfy {
      !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8)
    }
    return path.utf8.starts(with: all.utf8) && parts.count == 5 && plain
  }

  /// Whether a file there is hidden from all but those whom systemd lets in. The permissions of the group are those that an ACL may give.
  package static func isHidden(mode: UInt32, uid: UInt32, from user: UInt32) -> Bool {
    mode & 0o027 == 0 && [0, user].contains(uid)
  }

  /// What to do about a file that isn't there, or can't be used.
  package static func fix(for path: String) -> String {
    let name = path.split(separator: "/").last.map(String.init) ?? ""
    return "the unit's LoadCredential=\(name): has to pass the right file; then run: \(SafeFix.restart)"
  }
}
