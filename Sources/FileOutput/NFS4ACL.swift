/// An access control list of NFSv4 as Linux shows it in `system.nfs4_acl`: the XDR of `nfsace4<>` (RFC 8881, 6.2.1; nfs4_acl(5)).
///
/// It can admit users beyond owner, group and mode, and there is no way to remove it: setting the mode changes what the server
/// grants to OWNER@, GROUP@ and EVERYONE@, and may leave entries for others (RFC 8881, 6.4.1).
struct NFS4ACL {
  /// Another user or group that is admitted; nil if there is none.
  let stranger: String?

  private static let allow: UInt32 = 0
  private static let ours = ["OWNER@", "GROUP@", "EVERYONE@"]

  /// Nil for bytes that aren't such a list.
  init?(_ bytes: [UInt8]) {
    var rest = bytes[...]
    guard let count = Self.number(&rest), count <= 4096 else { return nil }
    var stranger: String?
    for _ in 0..<count {
      guard let type = Self.number(&rest), Self.number(&rest) != nil, let mask = Self.number(&rest),
        let length = Self.number(&rest), length <= rest.count
      else { return nil }
      let who = String(decoding: rest.prefix(Int(length)), as: UTF8.self)
      // Padded to a multiple of four bytes.
      let padded = (Int(length) + 3) / 4 * 4
      guard padded <= rest.count else { return nil }
      rest = rest.dropFirst(padded)
      if type == Self.allow, mask != 0, !Self.ours.contains(who) { stranger = stranger ?? who }
    }
    guard rest.isEmpty else { return nil }
    self.stranger = stranger
  }

  private static func number(_ rest: inout ArraySlice<UInt8>) -> UInt32? {
    guard rest.count >= 4 else { return nil }
    defer { rest = rest.dropFirst(4) }
    return rest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
  }
}
