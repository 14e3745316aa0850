/// A POSIX access control list as Linux shows it in `system.posix_acl_access` (acl(5), linux/posix_acl_xattr.h).
///
/// With one the group's bits of a mode are the list's mask: what the mode shows for the group may be granted to others, and not to the group.
package struct AccessList: Hashable, Sendable {
  package struct Entry: Hashable, Sendable {
    package enum Subject: Hashable, Sendable {
      case user(UInt32)
      /// nil for the file's own group.
      case group(UInt32?)
    }

    package let subject: Subject
    /// As in the list, 0 to 7; the mask may take some of them away.
    package let permissions: UInt16

    /// As getfacl(1) shows it: `user:alice:rwx`. `name` is of the user or group; of the file's own group there is none.
    package func text(_ name: String) -> String {
      let letters = [(UInt16(4), "r"), (2, "w"), (1, "x")].map { permissions & $0.0 != 0 ? $0.1 : "-" }.joined()
      return switch subject {
      case .user: "user:\(name):\(letters)"
      case .group(nil): "group::\(letters)"
      case .group: "group:\(name):\(letters)"
      }
    }
  }

  /// Of users by name, the file's own group, and groups by name, in the list's order.
  package let entries: [Entry]
  private let mask: UInt16

  /// Nil for what isn't such a list.
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
      // The owner and all others, who are as the mode says.
      case 0x01, 0x20: break
      default: return nil
      }
    }
    (self.entries, self.mask) = (entries, mask)
  }

  /// The first entry by which somebody is granted any of `permissions` who is neither the owner nor one of `users`; nil when none is.
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
