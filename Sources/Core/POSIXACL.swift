/// A POSIX access control list as Linux shows it in `system.posix_acl_access` (acl(5), linux/posix_acl_xattr.h).
///
/// If a file has one, the group bits of its mode are the list's mask: the permissions in it may be granted to named users and
/// groups, and not to the owning group.
package struct POSIXACL: Hashable, Sendable {
  package struct Entry: Hashable, Sendable {
    package enum Subject: Hashable, Sendable {
      case user(UInt32)
      /// nil for the owning group.
      case group(UInt32?)
    }

    package let subject: Subject
    /// The rwx bits of the entry, 0 to 7, before the mask is applied.
    package let permissions: UInt16

    /// As getfacl(1) shows it: `user:alice:rwx`. `name` is the user's or the group's; it isn't used for the owning group.
    package func text(_ name: String) -> String {
      let letters = [(UInt16(4), "r"), (2, "w"), (1, "x")].map { permissions & $0.0 != 0 ? $0.1 : "-" }.joined()
      return switch subject {
      case .user: "user:\(name):\(letters)"
      case .group(nil): "group::\(letters)"
      case .group: "group:\(name):\(letters)"
      }
    }
  }

  /// The entries for named users, the owning group and named groups, in the list's order.
  package let entries: [Entry]
  private let mask: UInt16

  /// Nil if the bytes aren't a valid list.
  package init?(_ bytes: [UInt8]) {
    guard bytes.count >= 4, bytes.count % 8 == 4, Self.number(bytes, at: 0) == 2 else { return nil }
    var entries: [Entry] = []
    var mask: UInt16 = 7
    for start in stride(from: 4, to: bytes.count, by: 8) {
      let head = Self.number(bytes, at: start)
      let (tag, permissions) = (UInt16(head & 0xFFFF), UInt16(head >> 16))
      let id = Self.number(bytes, at: start + 4)
      switch tag {
      case 0x02: entries.append(Entry(subject: .user(id), permissions: permissions))
      case 0x04: entries.append(Entry(subject: .group(nil), permissions: permissions))
      case 0x08: entries.append(Entry(subject: .group(id), permissions: permissions))
      case 0x10: mask = permissions
      // The owner and all others: their permissions are in the mode.
      case 0x01, 0x20: break
      default: return nil
      }
    }
    (self.entries, self.mask) = (entries, mask)
  }

  /// The first entry that grants any of `permissions` to a group, or to a named user other than `users`; nil if none does. The mask
  /// is applied.
  package func grant(of permissions: UInt16, besides users: [UInt32]) -> Entry? {
    entries.first { entry in
      if case .user(let uid) = entry.subject, users.contains(uid) { return false }
      return entry.permissions & mask & permissions != 0
    }
  }

  private static func number(_ bytes: [UInt8], at start: Int) -> UInt32 {
    (0..<4).reduce(0) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) }
  }
}
